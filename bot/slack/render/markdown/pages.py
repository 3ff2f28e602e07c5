"""Markdown of models as Slack blocks, in pages that Slack takes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from slack_sdk.models.blocks import (
    Block,
    RichTextBlock,
    RichTextElementParts,
    RichTextSectionElement,
)

from bot.slack.render import text


@dataclass(frozen=True, slots=True)
class Room:
    """How much of a text fits: blocks, characters as Slack counts them, and UTF-8 bytes."""

    blocks: int
    characters: int
    bytes: int


MESSAGE: Final = Room(blocks=40, characters=8_000, bytes=10_000)
"""The room for an output in a message, beside its heading and its small print."""

MODAL: Final = Room(blocks=80, characters=40_000, bytes=60_000)
"""The room for an output in a modal, beside the buttons and fields."""


def pages(markdown: str, room: Room = MESSAGE) -> tuple[tuple[Block, ...], ...]:
    """Return the whole text, split over pages that fit. Text that is blank has no page."""
    shown = text.sanitize(markdown).strip()
    size = min(room.characters, room.bytes // 4)
    parts = [shown[start : start + size] for start in range(0, len(shown), size)]
    return tuple(
        (
            RichTextBlock(
                elements=[RichTextSectionElement(elements=[RichTextElementParts.Text(text=part)])]
            ),
        )
        for part in parts
    )
