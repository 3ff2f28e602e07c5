"""Answers to commands and clicks that only one person sees. Pure.

Each function returns mrkdwn, or an Answer if there are buttons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    PlainTextObject,
    RichTextBlock,
    RichTextElementParts,
    RichTextPreformattedElement,
)

from bot.slack import ids
from bot.slack.people.files import MAX_BYTES, NotReadBecause, UnreadFile
from bot.slack.render import people, starting, text
from bot.slack.render.message import section
from bot.slack.render.position import checkpoints_to_come, question
from bot.slack.render.request import asked_for
from bot.slack.render.root import Progress, state_line
from bot.slack.render.usage import spent
from storage import pauses
from storage.crew_inputs import known_inputs, open_inputs
from storage.decisions import RevisionOffered
from storage.definitions import CrewDefinition, CrewReport
from storage.records import Checkpoint, CheckpointKind, Execution
from storage.usage import total

MAX_CREWS = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """A text for one person, with blocks if there is something to click."""

    text: str
    blocks: tuple[Block, ...] = ()


def help_text(example: str) -> str:
    """`example` is a command that starts a crew."""
    return "\n".join(
        [
            "*Countersign* runs a crew and asks you to sign off at its checkpoints.",
            f"• `{text.line(example, 300)}` starts one",
            "• `/crew list` shows the crews, `/crew NAME help` what one takes",
            "• `/crew inbox` shows what waits for you in all channels",
            "• `/crew board` opens the board in your browser: what waits, and every run",
            "• `/crew status` shows the runs in this channel, `/crew status ID` one run",
            "• `/crew cancel ID` ends a run, `/crew retry ID` resumes one that failed",
            "• `/crew lessons` lists the lessons that crews keep, and deletes them",
            'A crew with several inputs takes them as `name=value` or `name="two words"`; '
            "`/crew NAME` alone opens a form.",
            "Options, anywhere after the name: `--language German`, "
            "`--checkpoints after_planning,after_analysis` (stop at these only).",
            "At a checkpoint click *Continue*, *Revise*, *Skip* or *Stop*. To revise you can also "
            "reply in the thread and mention me.",
        ]
    )


NO_BOARD = "There is no board: this bot answers Slack only."


def board_without_sign_in(address: str) -> str:
    return (
        f"<{address}|Open the board>\nIt needs no sign-in, because no API token has been made, and "
        "opens on the computer that runs the bot only. An operator can open it to others with "
        "`countersign tokens create` and `COUNTERSIGN_PUBLIC_URL`."
    )


def board_link(address: str, *, minutes: int, local: bool) -> str:
    """`address` signs this person in. `local`: only the bot's own computer reaches it."""
    where = (
        "\nIt opens on the computer that runs the bot only. An operator can open it to others with "
        "`COUNTERSIGN_PUBLIC_URL`."
    )
    return (
        f"<{address}|Sign in to the board>\nThe link signs you in as yourself. It works once, "
        f"within {minutes} minutes, so keep it to yourself.{where if local else ''}"
    )


def crew_list(
    crews: Mapping[str, CrewDefinition], reports: Mapping[str, CrewReport], now: datetime
) -> str:
    if not crews:
        return "No crews are set up. An operator can add them to `crews.yml`."
    first = list(crews.values())[:MAX_CREWS]
    lines = ["*Crews*", *(_crew_line(crew, reports.get(crew.name), now) for crew in first)]
    if len(crews) > MAX_CREWS:
        lines.append(f"… and {len(crews) - MAX_CREWS} more")
    return "\n".join(lines)


def _crew_line(crew: CrewDefinition, report: CrewReport | None, now: datetime) -> str:
    description = text.line(crew.description, 150) or "no description"
    stops = ", ".join(f"`{text.mrkdwn(c.name)}`" for c in crew.checkpoints[:8])
    known = known_inputs(crew, None if report is None else report.examination)
    inputs = starting.inputs_line(known, now)
    dots = " …" if open_inputs(known, now) else ""
    lines = [f"• `/crew {text.mrkdwn(crew.name)}{dots}` {description}"]
    if inputs:
        lines.append(f"inputs: {inputs}")
    if stops:
        lines.append(f"checkpoints: {stops}")
    if report is not None and report.problem:
        lines.append(f":warning: cannot be started: {starting.problem(report)}")
    if report is not None and pauses.asks_nobody(report):
        lines.append(f":warning: {pauses.ASKS_NOBODY}")
    return "\n    ".join(lines)


def run_list(executions: Sequence[Execution], progress: Mapping[str, Progress]) -> str:
    if not executions:
        return "Nothing runs in this channel. `/crew help` says how to start."
    lines = ["*Runs in this channel*"]
    for execution in executions:
        request = text.line(asked_for(execution.request), 80)
        state = state_line(execution, progress[execution.id])
        lines.append(
            f"• `{ids.short(execution.id)}` *{text.mrkdwn(execution.crew)}* {request}: {state}"
        )
    return "\n".join(lines)


def run_status(execution: Execution, progress: Progress) -> str:
    request = text.line(asked_for(execution.request), 200)
    lines = [
        f"`{ids.short(execution.id)}` *{text.mrkdwn(execution.crew)}* {request}",
        f"{state_line(execution, progress)} Started {people.when(execution.created_at)} "
        f"by {people.person(execution.requester)}.",
    ]
    to_come = {definition.name for definition in checkpoints_to_come(execution)}
    decided = {c.name for c in progress.checkpoints if c.feedback is not None} & to_come
    if to_come:
        lines.append(f"Checkpoints decided: {len(decided)} of {len(to_come)}.")
    total_used = spent(total(run.usage for run in progress.runs))
    if total_used:
        lines.append(f"So far: {total_used}.")
    return "\n".join(lines)


def cancelled(execution: Execution) -> str:
    return f"Run `{ids.short(execution.id)}` is cancelled."


def retried(execution: Execution) -> str:
    return f"Run `{ids.short(execution.id)}` resumes where it failed."


def reply_is_revision(checkpoint: Checkpoint) -> Answer:
    """The modal was closed, but the intent to revise is still valid."""
    use = _TAKEN_AS.get(checkpoint.kind, _TAKEN_AS[CheckpointKind.PHASE])
    message = (
        f"Your next reply in this thread is taken as {use} “"
        f"{text.mrkdwn(question(checkpoint))}”, for 15 minutes."
    )
    return Answer(
        message,
        (
            section(message),
            ActionsBlock(elements=[_button(ids.ActionId.NEVER_MIND, "Never mind", checkpoint.id)]),
        ),
    )


_TAKEN_AS = {
    CheckpointKind.PHASE: "the revision of",
    CheckpointKind.TOOL: "the refusal of",
}


def form_not_opened(checkpoint: Checkpoint) -> Answer:
    """Slack did not open the form for an answer, or for an outcome with words."""
    if checkpoint.kind is CheckpointKind.QUESTION:
        return Answer(
            "The form could not be opened. Click again, or reply in the thread and mention me: "
            "that is taken as the answer."
        )
    return Answer("The form could not be opened. Click again, or choose without words.")


def edited_by_file(name: str) -> str:
    """A file was taken as the new text of an output."""
    return (
        f"Taken: *{text.line(name, 80)}* is the new text. A new card shows it, which is then "
        "decided like any other."
    )


def edit_has_no_headings(checkpoint: Checkpoint) -> str:
    """A file with an edited output does not say which text is which task's."""
    names = ", ".join(f"`# {text.label(task.task)}`" for task in checkpoint.output.tasks[:20])
    return (
        "I cannot tell which text in the file is which output, so nothing was changed. Keep the "
        f"headings that the whole text has, each on a line of its own: {names}"
    )


FORM_NOT_OPENED = Answer(
    "Slack did not open the form, so nothing was decided. Click Continue again."
)
NOT_SHOWN = Answer(
    "Slack did not show that. The whole text is in the thread; click again to see it here."
)
FILE_NOT_POSTED = Answer(
    "Slack did not take the file. What changed can be read page by page: *More…*, *What changed*."
)


def revision_dropped(dropped: bool) -> str:
    return "All right. Nothing was changed." if dropped else "There was nothing to cancel."


def offer_reply(
    offer: RevisionOffered, reply: ids.OfferedReply, *, unread: Sequence[UnreadFile] = ()
) -> Answer:
    """Ask an approver who wrote in the thread whether that was meant as the decision.

    Words such as "looks good" or "no" are hardly a revision: then the decision is offered beside.
    """
    checkpoint = offer.checkpoint
    use, label = _OFFERS.get(checkpoint.kind, _OFFERS[CheckpointKind.PHASE])
    outcomes = _offered_outcomes(offer)
    agrees = offer.says_yes is True and not checkpoint.outcomes
    continues = agrees and not checkpoint.form
    if agrees and checkpoint.form:
        asked = f"Continue on its message asks for its form. Or shall I take this as {use}?"
    elif continues:
        asked = f"Shall the run continue, or shall I take what you wrote as {use}?"
    elif outcomes:
        asked = f"Click an outcome. Or shall I take what you wrote as {use}?"
    elif offer.says_yes is not None and checkpoint.outcomes:
        asked = f"Click an outcome on its message. Or shall I take what you wrote as {use}?"
    elif offer.says_yes is False:
        asked = f"To end the run, click Stop on its message. Or shall I take this as {use}?"
    else:
        asked = f"Shall I take what you wrote as {use}?"
    message = (
        f"“{text.mrkdwn(question(checkpoint))}” waits for a decision. "
        f"{asked}\n{text.quote(offer.text, 300)}"
    )
    value = reply.encode()
    decide = [_button(ids.ActionId.CONTINUE_BY_REPLY, "Continue", value, style="primary")]
    choose = [
        _button(ids.outcome_by_reply(number), text.label(outcome)[:75], value)
        for number, outcome in outcomes
    ]
    use_it = _button(
        ids.ActionId.USE_REPLY, label, value, style=None if offer.says_yes is True else "primary"
    )
    dismiss = _button(ids.ActionId.DISMISS, "No", checkpoint.id)
    return Answer(
        with_unread(message, unread),
        (
            section(with_unread(message, unread)),
            ActionsBlock(elements=[*(decide if continues else choose), use_it, dismiss]),
        ),
    )


def with_fences(answer: str, typed: str) -> Answer:
    """An answer that gives back a command: code fences in it stay as they were typed."""
    pasted = starting.paste(typed)
    if "```" not in typed or pasted not in answer:
        return Answer(answer)
    command = text.shorten(f"{ids.COMMAND} {typed}", starting.MAX_TYPED)
    fences = RichTextBlock(
        elements=[
            RichTextPreformattedElement(elements=[RichTextElementParts.Text(text=command)]),
        ]
    )
    return Answer(answer, (section(answer.replace(pasted, "").rstrip()), fences))


MAX_OFFERED_OUTCOMES = 5
"""Outcomes that are offered as buttons; of more, the message of the checkpoint has a menu."""


def _offered_outcomes(offer: RevisionOffered) -> list[tuple[int, str]]:
    """The outcomes to offer, each with its number: the one that was named, or a few."""
    numbered = [*enumerate(offer.checkpoint.outcomes)]
    if offer.outcome is not None:
        return [each for each in numbered if each[1] == offer.outcome]
    is_few = offer.says_yes is not None and len(numbered) <= MAX_OFFERED_OUTCOMES
    return numbered if is_few else []


WORDS_COUNT = "Your words count."
WORDS_ADDED = "Taken: your words are added to the revision."


def with_unread(message: str, unread: Sequence[UnreadFile]) -> str:
    """The message, and which of the files that came with a reply were not read, and why."""
    if not unread:
        return message
    files = [f"*{text.line(file.name, 80)}* ({_NOT_READ[file.reason]})" for file in unread[:10]]
    return f"{message}\nNot read: {', '.join(files)}."


def say_it_in_words(unread: Sequence[UnreadFile]) -> str:
    """The answer to a reply that has nothing but files that were not read."""
    return with_unread("Please say it in words: nothing was changed.", unread)


_NOT_READ = {
    NotReadBecause.NOT_TEXT: "not a text file",
    NotReadBecause.TOO_LONG: f"more than {MAX_BYTES // 1000} kB of text",
    NotReadBecause.NOT_ALLOWED: "Slack does not let me read it",
    NotReadBecause.FAILED: "Slack did not send it in time",
}


def words_too_late(checkpoint: Checkpoint) -> str:
    """The answer to words that were written while the revision runs without them."""
    return (
        f"The revision already runs without this. Write again when {_next_result(checkpoint)}, "
        "if it is still needed."
    )


def edit_too_late(checkpoint: Checkpoint) -> str:
    """The answer to a reply that was changed while the revision runs with its first words."""
    return (
        f"The revision runs with your first words. Write again when {_next_result(checkpoint)}, "
        "if it is still needed."
    )


def _next_result(checkpoint: Checkpoint) -> str:
    return f"“{text.mrkdwn(question(checkpoint))}” is asked again"


def outcome_chosen(outcome: str) -> str:
    return f"Taken: the flow goes on with “{text.line(outcome, 100)}”."


CONTINUED = "Taken: the run continues."
DISMISSED = "All right, nothing was changed. The checkpoint is still waiting."
USED = "Taken: the phase is revised with what you wrote."
_USED_BY_KIND = {
    CheckpointKind.GATE: "Taken: the flow goes on with what you wrote.",
    CheckpointKind.TOOL: "Taken: the tool is not called, and the agent reads what you wrote.",
    CheckpointKind.QUESTION: "Taken: the crew goes on with your answer.",
    CheckpointKind.TASK: "Taken: the agent answers again with what you wrote.",
}
_OFFERS = {
    CheckpointKind.PHASE: ("a revision", "Use as the revision"),
    CheckpointKind.TOOL: ("your refusal of the call", "Use as the refusal"),
    CheckpointKind.QUESTION: ("the answer", "Use as the answer"),
}
ONLY_BUTTONS = "This needs a click on Continue or Stop, on its message. Nothing was changed."
OWN_MESSAGE = "That message is my own. Use the shortcut on what a person wrote."
MESSAGE_WITHOUT_TEXT = "That message has no text, so nothing was changed."
NO_RUN_IN_THREAD = (
    "That message is not in the thread of a run, so there is nothing to revise. To start a run on "
    "it, use *Start a crew on this*."
)
GREETING = (
    "Hello! Type `/crew` in this channel to start a crew, and `/crew help` to see what else I do."
)
REPLY_GONE = "I can no longer find what you wrote, so nothing was changed. Click Revise instead."
NOTHING_WAITS = (
    "Nothing waits for a decision in this thread, so there is nothing to revise. "
    "`/crew help` says what I can do."
)


def reply_used(checkpoint: Checkpoint) -> str:
    """The answer after a reply was used as the decision."""
    if checkpoint.at_method is not None:
        return USED
    return _USED_BY_KIND.get(checkpoint.kind, USED)


def _button(action_id: str, label: str, value: str, *, style: str | None = None) -> ButtonElement:
    return ButtonElement(
        action_id=action_id,
        text=PlainTextObject(text=label, emoji=False),
        value=value,
        style=style,
    )
