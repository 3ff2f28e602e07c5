"""Tables: as a table block, as aligned text or as a list of rows. Pure.

A message takes one table block. Other tables are aligned text as long as a phone can show their
lines whole; wider ones become a list with one item for each row, whose lines a phone can break.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from slack_sdk.models.blocks import Block, TableBlock

from bot.slack.render import text
from bot.slack.render.limits import LIMITS
from bot.slack.render.markdown.rich import rich_cell
from bot.slack.render.markdown.units import (
    Code,
    Item,
    Leaf,
    Leaves,
    Paragraph,
    Style,
    Table,
    Unit,
    joined,
    merged,
)

ALIGNED_WIDTH: Final = 44
"""Columns of fixed-width text that a phone shows in one line."""

_SEPARATOR: Final = Leaf(" | ")
_LIMITS: Final = LIMITS["table"]


def is_wide(table: Table) -> bool:
    """Whether the aligned rows are too wide for a phone."""
    return sum(_widths(table)) + 3 * (len(table.aligns) - 1) > ALIGNED_WIDTH


def as_text(table: Table) -> list[Unit]:
    """The table without a table block, in units that pages can be split between."""
    if not is_wide(table):
        return [Code("\n".join(_aligned(table)))]
    header, *rows = table.rows
    units: list[Unit] = [Paragraph(_in_a_line(header, bold=True))] if any(header) else []
    units += [Item(_in_a_line(row), 0, None) for row in rows if any(row)]
    return units


def fits_block(table: Table) -> bool:
    """Whether Slack takes it as a table block."""
    characters = sum(max(1, text.length(joined(cell))) for row in table.rows for cell in row)
    return (
        len(table.rows) <= _LIMITS["rows"]
        and len(table.aligns) <= _LIMITS["columns"]
        and characters <= _LIMITS["characters"]
    )


def as_block(table: Table) -> Block:
    """A table block. Lines are wrapped: Slack cuts them off otherwise."""
    return TableBlock(
        rows=[[rich_cell(cell) for cell in row] for row in table.rows],
        column_settings=[{"align": align, "is_wrapped": True} for align in table.aligns],
    )


def _in_a_line(row: tuple[Leaves, ...], *, bold: bool = False) -> Leaves:
    leaves: list[Leaf] = []
    for position, cell in enumerate(row):
        if position:
            leaves.append(_SEPARATOR)
        leaves += [
            Leaf(leaf.text, leaf.styles | {Style.BOLD}, leaf.url) if bold else leaf for leaf in cell
        ]
    return merged(leaves)


def _aligned(table: Table) -> list[str]:
    """The lines as Markdown writes them, with columns of one width."""
    widths = _widths(table)
    lines = [
        " | ".join(
            _padded(joined(cell), width, align)
            for cell, width, align in zip(row, widths, table.aligns, strict=True)
        ).rstrip()
        for row in table.rows
    ]
    lines.insert(1, "-|-".join("-" * width for width in widths))
    return lines


def _widths(table: Table) -> list[int]:
    return [
        max(1, *(_width(joined(row[column])) for row in table.rows))
        for column in range(len(table.aligns))
    ]


def _padded(cell: str, width: int, align: str) -> str:
    missing = width - _width(cell)
    left = {"right": missing, "center": missing // 2}.get(align, 0)
    return " " * left + cell + " " * (missing - left)


def _width(cell: str) -> int:
    """Columns of fixed-width text: East Asian characters and emoji take two, marks none."""
    return sum(
        0
        if unicodedata.combining(character) or unicodedata.category(character) == "Cf"
        else 2
        if unicodedata.east_asian_width(character) in "WF"
        else 1
        for character in cell
    )
