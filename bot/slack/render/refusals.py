"""Messages for the errors of use cases, shown to the person who caused them. Pure."""

from __future__ import annotations

from typing import Final

from bot.slack.ids import short
from bot.slack.render import people, text
from bot.slack.render.decision import decision, quoted_outcome
from bot.slack.render.message import listed
from storage.definitions import DecisionRule
from storage.errors import (
    AlreadyDecided,
    AmbiguousExecution,
    BadForm,
    BadInputs,
    BlankEdit,
    Busy,
    CountersignError,
    LeavingOutNotAllowed,
    LimitReached,
    NoLesson,
    NoRule,
    NotAllowed,
    NothingChanged,
    NotOffered,
    OutcomeNeeded,
    OutdatedMessage,
    TextNeeded,
    UnknownCheckpoint,
    UnknownCheckpointName,
    UnknownExecution,
    UnknownLesson,
    UnknownRevision,
    UnknownTasks,
    WrongState,
    WrongStructure,
)
from storage.policy import Refusal
from storage.records import Actor, Checkpoint, CheckpointKind, Execution
from storage.states import CheckpointState, ExecutionState

UNEXPECTED = (
    "Something went wrong, and I cannot tell whether your action was recorded. "
    "Look at the message in the thread: it shows the current state."
)

_DECIDED: Final = {
    CheckpointState.APPROVED: "continued",
    CheckpointState.REJECTED: "stopped",
    CheckpointState.REVISED: "sent back for a revision",
    CheckpointState.SKIPPED: "skipped",
}

_STATES: Final = {
    ExecutionState.PENDING: "has not started yet",
    ExecutionState.RUNNING: "is running",
    ExecutionState.WAITING_FEEDBACK: "is waiting for a decision",
    ExecutionState.COMPLETED: "is complete",
    ExecutionState.ERROR: "failed",
    ExecutionState.CANCELLED: "was cancelled",
    ExecutionState.STOPPED: "was stopped",
}


def refusal(error: CountersignError) -> str:  # noqa: PLR0911, PLR0912 an arm for each
    """What happened and what the person can do, as mrkdwn; UNEXPECTED for an unknown error."""
    match error:
        case AlreadyDecided():
            return already_decided(error.checkpoint)
        case NotAllowed():
            return _not_allowed(error)
        case OutdatedMessage():
            return (
                "This message is out of date, so nothing was changed. "
                "Use the buttons on the newer message in the thread."
            )
        case LeavingOutNotAllowed():
            name = text.line(error.checkpoint, 100)
            reason = _reason(error.refusal, rule=error.rule, requester=None)
            return (
                f"You cannot leave out the checkpoint `{name}`: that would skip it in advance. "
                f"{reason} Nothing was started."
            )
        case UnknownCheckpointName():
            name = text.line(error.name, 100)
            names = ", ".join(f"`{text.mrkdwn(c.name)}`" for c in error.definition.checkpoints)
            crew = text.mrkdwn(error.definition.name)
            return (
                f"*{crew}* has no checkpoint `{name}`. "
                f"It has: {names or 'none'}. Nothing was started."
            )
        case BadInputs(problems=problems):
            wrong = "; ".join(text.line(problem.sentence, 200) for problem in problems[:5])
            return f"The crew cannot start with these inputs: {wrong}. Nothing was started."
        case BlankEdit():
            return "The text is empty, so there is nothing to decide about. Write what should stay."
        case TextNeeded():
            return "Please write something: an empty text cannot be used."
        case NotOffered():
            ways = " or ".join(action.value.capitalize() for action in error.offered)
            return f"This can only be decided by {ways}. Nothing was changed."
        case UnknownTasks():
            names = ", ".join(text.line(name, 80) for name in error.unknown[:5])
            return f"This checkpoint has no output {names}. Nothing was changed."
        case NothingChanged():
            return "This is the text that the card shows already. Nothing was changed."
        case WrongStructure():
            task = text.line(text.label(error.task), 80)
            sentence = text.line(error.sentence, 500)
            return f"This text does not fit the type of *{task}*: {sentence}. Nothing was changed."
        case UnknownRevision():
            return f"There is no earlier revision {error.revision}. Nothing was changed."
        case BadForm():
            return "Continue needs the values of a form: click Continue to fill it in."
        case WrongState():
            return _wrong_state(error)
        case UnknownExecution():
            run_id = text.line(error.execution_id, 60)
            return f"There is no run `{run_id}`. `/crew status` shows the runs in this channel."
        case AmbiguousExecution():
            prefix = text.line(error.prefix, 60)
            return f"Several runs have an id that starts with `{prefix}`. Give more of the id."
        case UnknownCheckpoint():
            return "This checkpoint no longer exists. Nothing was changed."
        case OutcomeNeeded():
            return _outcome_needed(error.checkpoint)
        case LimitReached():
            return limit_reached(error)
        case NoRule():
            crew = text.line(error.crew, 60)
            return (
                f"Nobody may decide what comes up inside *{crew}*: its entry in `crews.yml` has no "
                "`approvers`. An operator can add them."
            )
        case NoLesson():
            return (
                "This cannot be kept as a lesson: only revisions can, and only of a crew whose "
                "entry in `crews.yml` says `lessons: true`."
            )
        case UnknownLesson():
            return "This lesson no longer exists."
        case Busy():
            return "The database was too busy for this. Nothing was changed; try again."
        case _:
            return UNEXPECTED


_LIMITS: Final = {
    "at_once": "{runs} at once, and that many are in progress",
    "per_person": "{runs} at once for each person, and yours are in progress",
    "starts_per_hour": "{runs} an hour, and that many were started",
}


def limit_reached(error: LimitReached) -> str:
    """Which limit of the crew was reached, and what the person can do."""
    crew = text.line(error.crew, 60)
    if error.limit == "revisions":
        times = "once" if error.most == 1 else f"{error.most} times"
        return (
            f"*{crew}* allows a phase to be revised {times}, and it was. Nothing was changed: "
            "click Continue, Skip or Stop."
        )
    if error.limit == "output_bytes":
        return (
            f"The text is too long: *{crew}* allows {error.most:,} bytes for the output of a "
            "phase. Nothing was changed."
        )
    template = _LIMITS.get(error.limit)
    if template is None:
        name = text.line(error.limit, 40)
        return f"*{crew}* has the limit `{name}` of {error.most}. Nothing was done."
    limit = template.format(runs="1 run" if error.most == 1 else f"{error.most} runs")
    later = (
        " Try again later." if error.limit == "starts_per_hour" else " Wait until a run has ended."
    )
    return f"*{crew}* allows {limit}. Nothing was started.{later}"


def _outcome_needed(checkpoint: Checkpoint) -> str:
    first = [quoted_outcome(name) for name in checkpoint.outcomes[:10]]
    rest = len(checkpoint.outcomes) - len(first)
    names = listed([*first, *([f"{rest} more"] if rest else [])], last="or")
    return f"This needs one of {names}. Nothing was changed: use the buttons of the message."


def already_decided(checkpoint: Checkpoint) -> str:
    """Who decided what and when, for a person who came too late."""
    feedback = checkpoint.feedback
    verb = _DECIDED.get(checkpoint.state)
    if verb is None or feedback is None or checkpoint.kind is not CheckpointKind.PHASE:
        return f"Too late, nothing was changed. {decision(checkpoint)}"
    by = people.person(feedback.actor)
    line = f"Too late: this was already {verb} by {by}, {people.when(feedback.at)}."
    if feedback.text:
        line += f" Their words:\n{text.quote(feedback.text, 500)}"
    return line


def _not_allowed(error: NotAllowed) -> str:
    requester = error.execution.requester
    return f"{_reason(error.refusal, rule=error.rule, requester=requester)} Nothing was changed."


def _reason(refusal: Refusal, *, rule: DecisionRule | None, requester: Actor | None) -> str:
    approvers = _approvers(rule, requester)
    match refusal:
        case Refusal.NOT_AN_APPROVER:
            return f"You are not one of those who may decide this.{approvers}"
        case Refusal.IS_THE_REQUESTER:
            return f"You asked for this run, so somebody else has to decide.{approvers}"
        case Refusal.GUEST:
            return f"Guests and people of other workspaces may not decide this.{approvers}"
        case Refusal.NO_GROUPS:
            return (
                "This run's rule names a user group, and this workspace's Slack plan has none, so "
                "nobody can decide as its member. An operator has to name people in `crews.yml`."
                f"{approvers}"
            )
        case Refusal.UNKNOWN:
            return (
                "Slack cannot tell me right now whether you may decide this, so I have to refuse. "
                "Try again in a minute."
            )
        case Refusal.NEITHER_REQUESTER_NOR_APPROVER:
            starter = people.person(requester) if requester is not None else "its requester"
            return f"Only {starter} or somebody who may decide one of its checkpoints may do this."


def _approvers(rule: DecisionRule | None, requester: Actor | None) -> str:
    if rule is None or requester is None:
        return ""
    return f" May decide: {people.approvers(rule, requester)}."


def _wrong_state(error: WrongState) -> str:
    execution: Execution = error.execution
    state = _STATES[execution.state]
    action = text.line(error.wanted, 30)
    return f"Run `{short(execution.id)}` {state}: there is nothing to {action}."
