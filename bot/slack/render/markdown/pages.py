"""Markdown of models as Slack blocks, in pages that Slack takes. Pure.

A page has few blocks: one `rich_text` for everything between rules and a table. See `reading` for
what is shown, `rich` for what it may become, and `tables` for tables.
"""

from __future__ import annotations

import re
from typing import Final

from slack_sdk.models.blocks import Block

from bot.slack.render import text
from bot.slack.render.limits import LIMITS, Room
from bot.slack.render.markdown import json_text, reading
from bot.slack.render.markdown.paginator import paginate
from bot.slack.render.markdown.units import Code, Unit

__all__ = ["MESSAGE", "MODAL", "Room", "pages", "read"]

MESSAGE: Final = Room(
    blocks=LIMITS["message"]["blocks"] - 10,
    characters=LIMITS["message"]["characters"] - 2_000,
    bytes=LIMITS["message"]["bytes"] - 2_000,
    tables=LIMITS["message"]["tables"],
)
"""The room for an output in a message, beside its heading, its small print and its buttons."""

MODAL: Final = Room(
    blocks=LIMITS["view"]["blocks"] - 20,
    characters=20_000,
    bytes=30_000,
    tables=LIMITS["view"]["tables"],
)
"""The room for an output in a modal, beside the buttons and fields. As JSON, in which a character
can take twelve bytes, such a page stays below what Slack takes for a view."""

_WRAPPED: Final = re.compile(
    r"\s*(`{3,}|~{3,})(?:markdown|md)[ \t]*\n((?:(?!\1|[ \t]*(?:```|~~~)).*\n)*)\1[ \t]*\n?\s*\Z"
)
"""A text that is one fence around Markdown, as models often give it; with no fence inside."""


def pages(markdown: str, room: Room = MESSAGE) -> tuple[tuple[Block, ...], ...]:
    """Return the whole text, split over pages that fit. Text that is blank has no page."""
    return tuple(page.to_blocks() for page in paginate(read(markdown), room))


def read(markdown: str) -> list[Unit]:
    """The units of a text: all of it as code if it is JSON, else as CommonMark reads it."""
    shown = text.sanitize(markdown).strip("\n")
    if json_text.is_json(shown):
        return [Code(json_text.pretty(shown))]
    wrapped = _WRAPPED.match(shown)
    return reading.units(wrapped.group(2) if wrapped else shown)
