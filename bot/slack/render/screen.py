"""How much of a text fits on one phone screen. Pure.

Estimates for a screen of 390 points: a character of Chinese or Japanese takes two columns.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

from bot.slack.render import text

COLUMNS: Final = 34
"""Columns of a line in a section."""

HEADER_COLUMNS: Final = 25


@lru_cache(maxsize=4096)
def _width(character: str) -> int:
    if unicodedata.category(character)[0] in "MC":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def width(content: str) -> int:
    """The columns that a text takes on one line."""
    return sum(_width(character) for character in content)


def lines(content: str, *, columns: int = COLUMNS) -> int:
    """The lines that a text takes. An empty line counts."""
    return sum(max(1, -(-width(line) // columns)) for line in content.split("\n"))


def fit(content: str, *, most: int, columns: int = COLUMNS) -> str:
    """The text without empty lines, shortened to `most` lines with an ellipsis if something was
    cut, at the end of a word if there is one."""
    kept: list[str] = []
    room = most
    for line in (line.rstrip() for line in content.split("\n") if line.strip()):
        needed = lines(line, columns=columns)
        if needed > room:
            part = _cut(line, room * columns - 1) if room else ""
            if part:
                return "\n".join([*kept, part + text.ELLIPSIS])
            return "\n".join(kept) + (f" {text.ELLIPSIS}" if kept else "")
        kept.append(line)
        room -= needed
    return "\n".join(kept)


def _cut(line: str, columns: int) -> str:
    used = end = 0
    for character in line:
        used += _width(character)
        if used > columns:
            break
        end += 1
    cut = line[:end]
    space = cut.rfind(" ", end // 2)
    return (cut[:space] if space > 0 else cut).rstrip(" ,;:")
