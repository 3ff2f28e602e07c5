"""What the use cases refuse, in words for the one who asked. The only place that says it."""

from __future__ import annotations

from typing import Final

from bot.slack.ids import short
from bot.slack.render import people, text
from bot.slack.render.decision import chosen, outcome
from bot.slack.render.message import listed
from storage.definitions import DecisionRule
from storage.errors import (
    AlreadyDecided,
    AmbiguousExecution,
    Busy,
    CountersignError,
    LeavingOutNotAllowed,
    LimitReached,
    NoLesson,
    NoRule,
    NotAllowed,
    NotOffered,
    OutcomeNeeded,
    OutdatedMessage,
    TextNeeded,
    UnknownCheckpoint,
    UnknownCheckpointName,
    UnknownExecution,
    UnknownLesson,
    UnknownTasks,
    WrongState,
)
from storage.policy import Refusal
from storage.records import Actor, Checkpoint, CheckpointKind, Execution
from storage.states import CheckpointState, ExecutionState

UNEXPECTED = (
    "Something went wrong here, and I cannot say whether it was taken. "
    "Look at the message: it shows what counts."
)

_DECIDED: Final = {
    CheckpointState.APPROVED: "continued",
    CheckpointState.REJECTED: "stopped",
    CheckpointState.REVISED: "sent back for a revision",
    CheckpointState.SKIPPED: "skipped",
}

_STANDS: Final = {
    ExecutionState.PENDING: "has not begun yet",
    ExecutionState.RUNNING: "is running",
    ExecutionState.WAITING_FEEDBACK: "waits for a decision",
    ExecutionState.COMPLETED: "is complete",
    ExecutionState.ERROR: "failed",
    ExecutionState.CANCELLED: "was cancelled",
    ExecutionState.STOPPED: "was stopped",
}


def refusal(error: CountersignError) -> str:  # noqa: PLR0911, PLR0912 an arm for each
    match error:
        case AlreadyDecided():
            return already_decided(error.checkpoint)
        case NotAllowed():
            return _not_allowed(error)
        case OutdatedMessage():
            return (
                "This message no longer shows what is to be decided, so nothing was changed. "
                "Use the buttons of the newer one in the thread."
            )
        case LeavingOutNotAllowed():
            name = text.line(error.checkpoint, 100)
            why = _why(error.refusal, rule=error.rule, requester=None)
            return (
                f"You cannot leave out the checkpoint `{name}`: leaving it out is skipping it in "
                f"advance. {why} Nothing was started."
            )
        case UnknownCheckpointName():
            name = text.line(error.name, 100)
            known = ", ".join(f"`{text.mrkdwn(c.name)}`" for c in error.definition.checkpoints)
            crew = text.mrkdwn(error.definition.name)
            return (
                f"*{crew}* has no checkpoint `{name}`. "
                f"It has: {known or 'none'}. Nothing was started."
            )
        case TextNeeded():
            return "Say it in words: without them there is nothing to go by."
        case NotOffered():
            ways = " or ".join(action.value.capitalize() for action in error.offered)
            return f"This is decided by {ways}. Nothing was changed."
        case UnknownTasks():
            names = ", ".join(text.line(name, 80) for name in error.unknown[:5])
            return f"This checkpoint shows no output {names}. Nothing was changed."
        case WrongState():
            return _wrong_state(error)
        case UnknownExecution():
            said = text.line(error.execution_id, 60)
            return f"There is no run `{said}`. `/crew status` shows those of this channel."
        case AmbiguousExecution():
            said = text.line(error.prefix, 60)
            return f"More than one run begins with `{said}`. Say more of its id."
        case UnknownCheckpoint():
            return "This checkpoint is no longer there. Nothing was changed."
        case OutcomeNeeded():
            return _outcome_needed(error.checkpoint)
        case LimitReached():
            return limit_reached(error)
        case NoRule():
            crew = text.line(error.crew, 60)
            return (
                f"Nobody may decide what arises inside *{crew}*: its entry in `crews.yml` has no "
                "`approvers`. Whoever keeps the crews can add them."
            )
        case NoLesson():
            return (
                "This cannot be kept as a lesson: only the words of a revision can, of a crew "
                "whose entry in `crews.yml` says `lessons: true`."
            )
        case UnknownLesson():
            return "This lesson is no longer there."
        case Busy():
            return "The database was too busy to take this. Nothing was changed; try again."
        case _:
            return UNEXPECTED


_LIMITS: Final = {
    "at_once": "{most} of *{crew}* at once, and so many are under way",
    "per_person": "{most} of *{crew}* at once for each person, and yours are under way",
    "starts_per_hour": "{most} of *{crew}* an hour, and so many were started",
}


def limit_reached(error: LimitReached) -> str:
    """Which bound of the crew it is, and what can be done."""
    crew = text.line(error.crew, 60)
    if error.limit == "revisions":
        times = "once" if error.most == 1 else f"{error.most} times"
        return (
            f"*{crew}* allows a phase to be revised {times}, and it was. Nothing was changed: "
            "click Continue, Skip or Stop."
        )
    known = _LIMITS.get(error.limit)
    if known is None:
        return f"*{crew}* allows `{text.line(error.limit, 40)}` of {error.most}. Nothing was done."
    bound = known.format(most=error.most, crew=crew)
    later = (
        " Try again later." if error.limit == "starts_per_hour" else " Wait until one has ended."
    )
    return f"There may be {bound}. Nothing was started.{later}"


def _outcome_needed(checkpoint: Checkpoint) -> str:
    shown = [chosen(name) for name in checkpoint.outcomes[:10]]
    left = len(checkpoint.outcomes) - len(shown)
    names = listed([*shown, *([f"{left} more"] if left else [])], last="or")
    return f"This asks for one of {names}. Nothing was changed: use the buttons of the message."


def already_decided(checkpoint: Checkpoint) -> str:
    """Who decided what and when, for somebody who came too late."""
    feedback = checkpoint.feedback
    verb = _DECIDED.get(checkpoint.state)
    if verb is None or feedback is None or checkpoint.kind is not CheckpointKind.PHASE:
        return f"Too late, nothing was changed. {outcome(checkpoint)}"
    by = people.person(feedback.actor)
    line = f"Too late: this was already {verb} by {by}, {people.when(feedback.at)}."
    if feedback.text:
        line += f" Their words:\n{text.quote(feedback.text, 500)}"
    return line


def _not_allowed(error: NotAllowed) -> str:
    requester = error.execution.requester
    return f"{_why(error.refusal, rule=error.rule, requester=requester)} Nothing was changed."


def _why(reason: Refusal, *, rule: DecisionRule | None, requester: Actor | None) -> str:
    who = _who(rule, requester)
    match reason:
        case Refusal.NOT_AN_APPROVER:
            return f"You are not one of those who may decide this.{who}"
        case Refusal.IS_THE_REQUESTER:
            return f"You asked for this run, so somebody else has to decide.{who}"
        case Refusal.GUEST:
            return f"Guests and people of other workspaces may not decide this.{who}"
        case Refusal.UNKNOWN:
            return (
                "Slack does not tell me right now whether you may decide this, so I have to "
                "refuse. Try again in a minute."
            )
        case Refusal.NEITHER_REQUESTER_NOR_APPROVER:
            asked_by = people.person(requester) if requester is not None else "whoever started it"
            return f"Only {asked_by} or somebody who may decide a checkpoint of it may do this."


def _who(rule: DecisionRule | None, requester: Actor | None) -> str:
    if rule is None or requester is None:
        return ""
    return f" May decide: {people.approvers(rule, requester)}."


def _wrong_state(error: WrongState) -> str:
    execution: Execution = error.execution
    stands = _STANDS[execution.state]
    wanted = text.line(error.wanted, 30)
    return f"Run `{short(execution.id)}` {stands}: there is nothing to {wanted}."
