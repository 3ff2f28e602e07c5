"""The message that asks for a decision, and what it becomes afterwards. Pure."""

from __future__ import annotations

from typing import Final

from slack_sdk.models.blocks import (
    Block,
    ButtonElement,
    ConfirmObject,
    DividerBlock,
    HeaderBlock,
    InteractiveElement,
    MarkdownBlock,
    PlainTextObject,
)

from bot.slack.ids import ActionId, short
from bot.slack.render import outputs, people, text
from bot.slack.render.message import Rendered, context, section, sentences
from bot.slack.render.place import next_phase, question, standing
from storage.policy import CHANNEL
from storage.records import Checkpoint, Execution
from storage.states import CheckpointState

OUTPUT_LIMIT = 7000
"""Of the about 10,000 characters that a whole message may have."""

WORDS_LIMIT = 800


def render(checkpoint: Checkpoint, execution: Execution, *, instead_of: str = "") -> Rendered:
    """`instead_of` says why this is shown here and not where the run belongs."""
    asked = question(checkpoint)
    waiting = checkpoint.state is CheckpointState.PENDING
    output, clipped = shown_output(checkpoint)
    blocks: list[Block] = []
    if instead_of:
        blocks.append(section(instead_of))
    blocks.append(HeaderBlock(text=PlainTextObject(text=asked, emoji=False)))
    # Long outputs push the end of the message out of sight: how it stands is said here too.
    stands = f"{standing(checkpoint, execution)} · run `{short(execution.id)}`"
    blocks.append(context(stands, "" if waiting else _outcome_line(checkpoint)))
    if checkpoint.asked:
        blocks.append(section(_asked(checkpoint)))
    blocks.append(DividerBlock())
    blocks.append(MarkdownBlock(text=output or "_The phase gave no text._"))
    if clipped:
        blocks.append(context("This is the beginning. The whole text is in the file below."))
    blocks.append(DividerBlock())
    closing = _who_and_when(checkpoint, execution) if waiting else outcome(checkpoint)
    blocks.append(section(closing))
    return Rendered(
        text=_spoken(checkpoint, execution, asked),
        blocks=tuple(blocks),
        plain="\n".join([f"*{text.mrkdwn(asked)}*", text.shorten(output, 1500), "", closing]),
        buttons=_buttons(checkpoint, execution) if waiting else (),
        broadcast=waiting and CHANNEL in checkpoint.rule.approvers,
    )


def shown_output(checkpoint: Checkpoint) -> tuple[str, bool]:
    """What of the output the message shows, as Markdown, and whether some was left out."""
    return outputs.shown(checkpoint.output, OUTPUT_LIMIT)


def _spoken(checkpoint: Checkpoint, execution: Execution, asked: str) -> str:
    said = f"{standing(checkpoint, execution)}: {text.mrkdwn(asked)}"
    if checkpoint.state is CheckpointState.PENDING:
        called = " ".join(people.called(checkpoint.rule, execution.requester))
        return sentences([f"{said}.", f"{called} please decide." if called else ""])
    return f"{said}. {_outcome_line(checkpoint)}"


def _asked(checkpoint: Checkpoint) -> str:
    by = people.person(checkpoint.asked_by) if checkpoint.asked_by else "Somebody"
    return f"Revised because {by} asked:\n{text.quote(checkpoint.asked, WORDS_LIMIT)}"


def _who_and_when(checkpoint: Checkpoint, execution: Execution) -> str:
    rule = checkpoint.rule
    called = " ".join(people.called(rule, execution.requester))
    may = people.approvers(rule, execution.requester)
    lines = []
    if called and CHANNEL in rule.approvers:
        lines.append(f"{called} this waits for a decision.")
    lines.append(f"*May decide:* {may}")
    if checkpoint.deadline is not None:
        then = people.timeout_does(rule.on_timeout)
        lines.append(f"*Until:* {people.when(checkpoint.deadline)}; then {then}.")
    return "\n".join(lines)


def _buttons(checkpoint: Checkpoint, execution: Execution) -> tuple[InteractiveElement, ...]:
    following = next_phase(checkpoint, execution)
    onward = f"Continue to {text.label(following)}" if following else "Continue and finish"
    return (
        _button(ActionId.CONTINUE, text.shorten(onward, 70), checkpoint.id, style="primary"),
        _button(ActionId.REVISE, "Revise", checkpoint.id),
        _button(ActionId.SKIP, "Skip", checkpoint.id),
        _button(
            ActionId.STOP,
            "Stop",
            checkpoint.id,
            style="danger",
            confirm=ConfirmObject(
                title="Stop this run?",
                text=PlainTextObject(
                    text=f"The run ends here, after {text.label(checkpoint.phase)}. "
                    "It cannot be taken up again."
                ),
                confirm="Stop the run",
                deny="Keep it waiting",
                style="danger",
            ),
        ),
    )


def _button(
    action_id: str,
    label: str,
    value: str,
    *,
    style: str | None = None,
    confirm: ConfirmObject | None = None,
) -> ButtonElement:
    return ButtonElement(
        action_id=action_id,
        text=PlainTextObject(text=label, emoji=False),
        value=value,
        style=style,
        confirm=confirm,
    )


def outcome(checkpoint: Checkpoint) -> str:
    """Who decided what and when, with the words of a revision."""
    line = _outcome_line(checkpoint)
    feedback = checkpoint.feedback
    if feedback is None:
        return line
    line = f"{line} · {people.when(feedback.at)}"
    if feedback.tasks:
        line += "\nTo be revised: " + ", ".join(text.label(task) for task in feedback.tasks)
    if feedback.text:
        line += "\n" + text.quote(feedback.text, WORDS_LIMIT)
    return line


_OUTCOMES: Final = {
    CheckpointState.PENDING: "Waiting for a decision",
    CheckpointState.APPROVED: ":white_check_mark: Continued by {by}",
    CheckpointState.REVISED: ":pencil2: Revision asked for by {by}",
    CheckpointState.REJECTED: ":octagonal_sign: Stopped by {by}",
    CheckpointState.SKIPPED: ":fast_forward: Skipped by {by}: the run goes on without approval",
    CheckpointState.CANCELLED: ":no_entry_sign: No longer to be decided: the run was cancelled",
    CheckpointState.EXPIRED: ":hourglass: Nobody decided in time",
}


def _outcome_line(checkpoint: Checkpoint) -> str:
    feedback = checkpoint.feedback
    line = _OUTCOMES[checkpoint.state].format(
        by=people.person(feedback.actor) if feedback is not None else "somebody"
    )
    if checkpoint.state is CheckpointState.EXPIRED and feedback is not None:
        line += people.deadline_did(feedback)
    return line
