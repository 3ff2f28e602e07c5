"""What a card becomes once it has been decided: what, who, when, and where the output is. Pure."""

from __future__ import annotations

from slack_sdk.models.blocks import Block, InteractiveElement

from bot.slack.ids import ActionId
from bot.slack.render import buttons, output, text
from bot.slack.render.card import facts
from bot.slack.render.decision import decision, decision_line
from bot.slack.render.message import Rendered, WholeText, context, section
from bot.slack.render.position import location, long_question, question
from storage.records import HELD, Checkpoint, CheckpointKind, Execution, RevisionMeans
from storage.states import CheckpointState


def render(
    checkpoint: Checkpoint,
    execution: Execution,
    *,
    gate_round: int,
    whole: WholeText,
    output_link: str | None,
    moved_note: str,
) -> Rendered:
    title = text.mrkdwn(question(checkpoint))
    where = location(checkpoint, execution, gate_round=gate_round)
    lines = [f"*{title}* · {where}", decision(checkpoint)]
    if output_link is not None and whole is not WholeText.ON_CARD:
        lines.append(f"<{output_link}|The output>")
    closing = "\n".join(lines)
    blocks: list[Block] = [section(part) for part in (moved_note, closing) if part]
    blocks += _kept(checkpoint, whole)
    return Rendered(
        text=f"{where}: {title}. {decision_line(checkpoint)}",
        blocks=tuple(blocks),
        plain=closing,
        buttons=_buttons(checkpoint, execution),
    )


def _kept(checkpoint: Checkpoint, whole: WholeText) -> list[Block]:
    """What only the card has shown: a short output, and a long question from inside a crew."""
    kept: list[Block] = []
    if checkpoint.kind in HELD and long_question(checkpoint):
        kept.append(context(text.line(long_question(checkpoint), facts.WHOLE_QUESTION_LIMIT)))
    if checkpoint.kind is CheckpointKind.TOOL:
        kept.append(context(f"Tool: `{text.line(checkpoint.name, 100).replace('`', chr(39))}`"))
    if whole is WholeText.ON_CARD:
        kept += [block for page in output.shown_pages(checkpoint)[:1] for block in page]
    return kept


def _buttons(checkpoint: Checkpoint, execution: Execution) -> tuple[InteractiveElement, ...]:
    """The words of a revision can be kept as a lesson."""
    feedback = checkpoint.feedback
    revised = checkpoint.state is CheckpointState.REVISED
    has_words = revised and feedback is not None and feedback.means is RevisionMeans.RUN
    if not execution.definition.lessons or not has_words:
        return ()
    return (buttons.button(ActionId.KEEP_LESSON, "Keep as a lesson", checkpoint.id),)
