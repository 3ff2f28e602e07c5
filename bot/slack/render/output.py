"""The message with a checkpoint's output, and the messages with the rest of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from slack_sdk.models.blocks import Block

from bot.slack.ids import short
from bot.slack.render import outputs, text
from bot.slack.render.markdown.pages import pages
from bot.slack.render.message import Rendered, context, section
from storage.records import Checkpoint, CheckpointKind, Execution

CARD_LIMIT: Final = 700
"""A shorter output is shown on the card itself."""

PLAIN_LIMIT: Final = 2800


def full_text(checkpoint: Checkpoint) -> str:
    """What is to be decided about, as Markdown; of a tool call its raw arguments."""
    if checkpoint.kind is CheckpointKind.TOOL:
        return text.reveal_hidden(checkpoint.output.output)
    return outputs.full_text(checkpoint.output)


def render(
    checkpoint: Checkpoint, execution: Execution, *, moved_note: str = ""
) -> Rendered | None:
    """None if the card shows everything. `moved_note` says why it is not in the run's channel."""
    whole = full_text(checkpoint)
    if text.length(whole) <= CARD_LIMIT:
        return None
    first, *others = pages(whole)
    phase = text.line(text.label(checkpoint.phase), 120)
    heading = f"*{phase}* · run `{short(execution.id)}`"
    end = "This is the beginning. The rest follows below." if others else ""
    blocks: list[Block] = [section(part) for part in (moved_note, heading) if part]
    blocks += first
    if end:
        blocks.append(context(end))
    beginning = text.mrkdwn(text.shorten(whole, PLAIN_LIMIT))
    return Rendered(
        text=f"The output of {phase}",
        blocks=tuple(blocks),
        plain="\n".join(part for part in (moved_note, heading, beginning, end) if part),
    )


def rest(checkpoint: Checkpoint) -> tuple[Rendered, ...]:
    """The pages after the first, for a workspace that takes no file."""
    if text.length(full_text(checkpoint)) <= CARD_LIMIT:
        return ()
    _, *others = pages(full_text(checkpoint))
    return in_pages(others, of=len(others) + 1, first=2)


def in_pages(parts: Sequence[Sequence[Block]], *, of: int, first: int = 1) -> tuple[Rendered, ...]:
    return tuple(
        Rendered(
            text=f"Part {number} of {of}",
            blocks=(*blocks, context(f"Part {number} of {of}")),
            plain=f"Part {number} of {of}",
        )
        for number, blocks in enumerate(parts, first)
    )
