"""The message with a checkpoint's output, and the messages with the rest of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from slack_sdk.models.blocks import (
    Block,
    RichTextBlock,
    RichTextElementParts,
    RichTextPreformattedElement,
)

from bot.slack.ids import short
from bot.slack.render import outputs, screen, text
from bot.slack.render.markdown.pages import pages
from bot.slack.render.message import Rendered, context, section
from bot.slack.render.position import location
from storage.records import Checkpoint, CheckpointKind, Execution

CARD_LIMIT: Final = 700
CARD_LINES: Final = 10
REVISED_CARD_LINES: Final = 6
"""A shorter output is shown on the card itself. A revised one leaves room for what changed."""

PLAIN_LIMIT: Final = 2800
CODE_LIMIT: Final = 6000
NO_TEXT: Final = "The phase wrote no text."
NO_RESULT: Final = "The last phase wrote no text."


def full_text(checkpoint: Checkpoint) -> str:
    """What is to be decided about, as Markdown; of a tool call its raw arguments. Empty if nothing
    of it can be seen."""
    if checkpoint.kind is CheckpointKind.TOOL:
        return text.reveal_hidden(checkpoint.output.output)
    whole = outputs.full_text(checkpoint.output)
    return "" if is_blank(whole) else whole


def is_blank(content: str) -> bool:
    """Whether there is only white space and invisible characters."""
    return not text.sanitize(content).strip()


def fits_on_card(checkpoint: Checkpoint) -> bool:
    whole = full_text(checkpoint)
    most = CARD_LINES if checkpoint.revision == 1 else REVISED_CARD_LINES
    return text.length(whole) <= CARD_LIMIT and screen.lines(whole.strip()) <= most


def shown_pages(checkpoint: Checkpoint) -> tuple[tuple[Block, ...], ...]:
    """The whole output, in pages that fit into a message."""
    whole = full_text(checkpoint)
    if checkpoint.kind is not CheckpointKind.TOOL:
        return pages(whole)
    parts = [whole[start : start + CODE_LIMIT] for start in range(0, len(whole), CODE_LIMIT)]
    return tuple((_code_block(part),) for part in parts if part.strip())


def _code_block(code: str) -> RichTextBlock:
    return RichTextBlock(
        elements=[RichTextPreformattedElement(elements=[RichTextElementParts.Text(text=code)])]
    )


def render(
    checkpoint: Checkpoint, execution: Execution, *, moved_note: str = ""
) -> Rendered | None:
    """None if the card shows everything. `moved_note` says why it is not in the run's channel."""
    if fits_on_card(checkpoint):
        return None
    whole = full_text(checkpoint)
    first, *others = shown_pages(checkpoint)
    heading = f"*{_title(checkpoint)}*"
    place = f"{location(checkpoint, execution)} · run `{short(execution.id)}`"
    end = "This is the beginning. The rest follows below." if others else ""
    blocks: list[Block] = [section(part) for part in (moved_note, heading) if part]
    blocks += [context(place), *first]
    if end:
        blocks.append(context(end))
    beginning = text.mrkdwn(text.shorten(text.sanitize(whole), PLAIN_LIMIT))
    return Rendered(
        text=f"{_title(checkpoint)} ({place})",
        blocks=tuple(blocks),
        plain="\n".join(part for part in (moved_note, heading, beginning, end) if part),
    )


def _title(checkpoint: Checkpoint) -> str:
    if checkpoint.kind is CheckpointKind.TOOL:
        return f"The arguments for {text.line(checkpoint.name, 100)}"
    return f"The output of {text.line(text.label(checkpoint.phase), 100)}"


def rest(checkpoint: Checkpoint) -> tuple[Rendered, ...]:
    """The pages after the first, for a workspace that takes no file."""
    if fits_on_card(checkpoint):
        return ()
    _, *others = shown_pages(checkpoint)
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
