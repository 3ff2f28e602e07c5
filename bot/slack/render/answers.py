"""What one person alone is told: answers to commands and clicks. Pure.

Each function gives mrkdwn, or an Answer where there are buttons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement, PlainTextObject

from bot.slack import ids
from bot.slack.render import people, text
from bot.slack.render.message import section
from bot.slack.render.position import checkpoints_to_come, question
from bot.slack.render.root import Progress, state_line
from bot.slack.render.usage import spent
from storage.definitions import CrewDefinition, CrewReport
from storage.records import Checkpoint, CheckpointKind, Execution
from storage.usage import total

MOST_CREWS = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """Words for one person, with blocks where there is something to click."""

    text: str
    blocks: tuple[Block, ...] = ()


def usage(crews: Mapping[str, CrewDefinition]) -> str:
    example = next(iter(crews), "plan")
    return "\n".join(
        [
            "*Countersign* runs a crew and asks you to sign off at its checkpoints.",
            f"• `/crew {example} a summer campaign for a bicycle shop` starts one",
            "• `/crew list` shows the crews",
            "• `/crew status` shows what runs in this channel, `/crew status ID` one run",
            "• `/crew cancel ID` ends a run, `/crew retry ID` takes up one that failed",
            "• `/crew lessons` shows what crews were taught to heed, and deletes it",
            "Options, anywhere after the name: `--language German`, "
            "`--checkpoints after_planning,after_analysis` (stop at these only).",
            "At a checkpoint click *Continue*, *Revise*, *Skip* or *Stop*. To revise you can also "
            "reply in the thread and mention me.",
        ]
    )


def crews_listed(crews: Mapping[str, CrewDefinition], reports: Mapping[str, CrewReport]) -> str:
    if not crews:
        return "No crew is set up. An operator adds them to `crews.yml`."
    shown = list(crews.values())[:MOST_CREWS]
    lines = ["*Crews*", *(_crew_line(crew, reports.get(crew.name)) for crew in shown)]
    if len(crews) > MOST_CREWS:
        lines.append(f"… and {len(crews) - MOST_CREWS} more")
    return "\n".join(lines)


def _crew_line(crew: CrewDefinition, report: CrewReport | None) -> str:
    about = text.line(crew.description, 150) or "no description"
    stops = ", ".join(f"`{text.mrkdwn(c.name)}`" for c in crew.checkpoints[:8])
    line = f"• `/crew {text.mrkdwn(crew.name)} …` {about}"
    if stops:
        line += f"\n    checkpoints: {stops}"
    if report is not None and report.problem:
        line += f"\n    :warning: cannot be started: {_problem(report)}"
    return line


def _problem(report: CrewReport) -> str:
    return text.line(report.problem or "", 300)


def unknown_crew(name: str, crews: Mapping[str, CrewDefinition]) -> str:
    nearest = get_close_matches(name, crews, n=1, cutoff=0.5)
    meant = f" Did you mean `{text.mrkdwn(nearest[0])}`?" if nearest else ""
    said = text.line(name, 60)
    known = [
        f"• `{text.mrkdwn(crew.name)}` {text.line(crew.description, 150)}".rstrip()
        for crew in list(crews.values())[:MOST_CREWS]
    ]
    return "\n".join([f"There is no crew `{said}`.{meant}", "These are there:", *known])


def request_missing(crew: CrewDefinition) -> str:
    return (
        f"What should *{text.mrkdwn(crew.name)}* work on? Say it after the name, for example:\n"
        f"`/crew {text.mrkdwn(crew.name)} a summer campaign for a bicycle shop`"
    )


def misused(command: str, problem: str) -> str:
    example = f"`/crew {text.line(command, 60)} 1a2b3c4d`"
    if command in ("cancel", "retry"):
        return f"{problem.capitalize()} Say its id, for example {example}. `/crew status` has them."
    return f"{problem}."


def cannot_be_built(crew: CrewDefinition, report: CrewReport) -> str:
    return (
        f":warning: *{text.mrkdwn(crew.name)}* cannot be started: {_problem(report)}\n"
        "Whoever keeps the crews can mend it; nothing was started."
    )


def invite_first(bot_name: str, typed: str) -> str:
    return (
        "I am not in this channel, so I cannot open a thread here. Nothing was started.\n"
        f"Type `/invite @{text.mrkdwn(bot_name)}`, then paste this again:\n{_paste(typed)}"
    )


def not_here(typed: str) -> str:
    return (
        "A run needs a channel, so that others can see it and sign off. Nothing was started.\n"
        f"Go to a channel that I am in and paste this there:\n{_paste(typed)}"
    )


def archived(typed: str) -> str:
    return (
        "This channel is archived, so I cannot open a thread here. Nothing was started.\n"
        f"Paste this in another channel:\n{_paste(typed)}"
    )


def _paste(typed: str) -> str:
    words = text.shorten(text.tame(f"{ids.COMMAND} {typed}").replace("```", "'''"), 2000)
    return f"```{text.escape(words)}```"


def runs(executions: Sequence[Execution], progress: Mapping[str, Progress]) -> str:
    if not executions:
        return "Nothing runs in this channel. `/crew help` says how to start."
    lines = ["*Runs in this channel*"]
    for execution in executions:
        asked = text.line(execution.request.user_input, 80)
        state = state_line(execution, progress[execution.id])
        lines.append(
            f"• `{ids.short(execution.id)}` *{text.mrkdwn(execution.crew)}* {asked}: {state}"
        )
    return "\n".join(lines)


def run(execution: Execution, progress: Progress) -> str:
    asked = text.line(execution.request.user_input, 200)
    lines = [
        f"`{ids.short(execution.id)}` *{text.mrkdwn(execution.crew)}* {asked}",
        f"{state_line(execution, progress)} Started {people.when(execution.created_at)} "
        f"by {people.person(execution.requester)}.",
    ]
    to_come = {definition.name for definition in checkpoints_to_come(execution)}
    decided = {c.name for c in progress.checkpoints if c.feedback is not None} & to_come
    if to_come:
        lines.append(f"Checkpoints decided: {len(decided)} of {len(to_come)}.")
    used = spent(total(run.usage for run in progress.runs))
    if used:
        lines.append(f"So far: {used}.")
    return "\n".join(lines)


def cancelled(execution: Execution) -> str:
    return f"Run `{ids.short(execution.id)}` is cancelled."


def retried(execution: Execution) -> str:
    return f"Run `{ids.short(execution.id)}` goes on where it failed."


def reply_is_revision(checkpoint: Checkpoint) -> Answer:
    """The modal was closed, but the intent to revise holds."""
    taken = _TAKEN_AS.get(checkpoint.kind, _TAKEN_AS[CheckpointKind.PHASE])
    words = (
        f"Your next reply in this thread is taken as {taken} “"
        f"{text.mrkdwn(question(checkpoint))}”, for 15 minutes."
    )
    return Answer(
        words,
        (
            section(words),
            ActionsBlock(elements=[_button(ids.ActionId.NEVER_MIND, "Never mind", checkpoint.id)]),
        ),
    )


_TAKEN_AS = {
    CheckpointKind.PHASE: "the revision of",
    CheckpointKind.TOOL: "the refusal of",
}


def form_not_opened(checkpoint: Checkpoint) -> Answer:
    """Slack did not open the form in which an answer or an outcome's words are written."""
    if checkpoint.kind is CheckpointKind.QUESTION:
        return Answer(
            "The form could not be opened. Click again, or reply in the thread and mention me: "
            "that is the answer."
        )
    return Answer("The form could not be opened. Click again, or choose without words.")


def never_mind(dropped: bool) -> str:
    return "Never mind, then. Nothing was changed." if dropped else "There was nothing to forget."


def offer(checkpoint: Checkpoint, said: str, reply: ids.OfferedReply) -> Answer:
    """Somebody who may decide talked while the checkpoint waits: did they mean to decide?"""
    taken, label = _OFFERED.get(checkpoint.kind, _OFFERED[CheckpointKind.PHASE])
    words = (
        f"“{text.mrkdwn(question(checkpoint))}” waits for a decision. "
        f"Shall I take what you wrote as {taken}?\n{text.quote(said, 300)}"
    )
    return Answer(
        words,
        (
            section(words),
            ActionsBlock(
                elements=[
                    _button(
                        ids.ActionId.USE_REPLY,
                        label,
                        reply.encode(),
                        style="primary",
                    ),
                    _button(ids.ActionId.DISMISS, "No", checkpoint.id),
                ]
            ),
        ),
    )


DISMISSED = "All right, it stays talk. The checkpoint still waits."
USED = "Taken: the phase is revised with what you wrote."
_USED_AS = {
    CheckpointKind.GATE: "Taken: the flow goes on with what you wrote.",
    CheckpointKind.TOOL: "Taken: the tool is not called, and the agent reads what you wrote.",
    CheckpointKind.QUESTION: "Taken: the crew goes on with your answer.",
}
_OFFERED = {
    CheckpointKind.PHASE: ("a revision", "Use as the revision"),
    CheckpointKind.TOOL: ("your refusal of the call", "Use as the refusal"),
    CheckpointKind.QUESTION: ("the answer", "Use as the answer"),
}
ONLY_BUTTONS = "This asks for a click: Continue or Stop, on its message. Nothing was changed."
REPLY_GONE = "I can no longer find what you wrote, so nothing was changed. Click Revise instead."
NOTHING_WAITS = (
    "Nothing waits for a decision in this thread, so there is nothing to revise. "
    "`/crew help` says what I can do."
)


def used(checkpoint: Checkpoint) -> str:
    """A reply was taken as the decision."""
    return _USED_AS.get(checkpoint.kind, USED)


def _button(action_id: str, label: str, value: str, *, style: str | None = None) -> ButtonElement:
    return ButtonElement(
        action_id=action_id,
        text=PlainTextObject(text=label, emoji=False),
        value=value,
        style=style,
    )
