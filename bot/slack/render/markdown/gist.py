"""What a Markdown text is about, for somebody who has not read it. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.slack.render import text
from bot.slack.render.markdown import sentences
from bot.slack.render.markdown.pages import read
from bot.slack.render.markdown.units import (
    Code,
    Heading,
    Item,
    Paragraph,
    Quote,
    Rule,
    Style,
    Table,
    Unit,
    joined,
)

WORDS_PER_MINUTE: Final = 220
CHARACTERS_PER_MINUTE: Final = 500
"""For scripts that put no spaces between words."""

_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese."""

_HEADING_LIMIT: Final = 100

_NOTE_LENGTH: Final = 40
"""An opening of at most this length says too little to stand alone."""


@dataclass(frozen=True, slots=True)
class Gist:
    """`opening` are the first sentences and `headings` the text's own, both as plain text without
    marks. `minutes` is the reading time, at least 1."""

    opening: str
    headings: tuple[str, ...]
    minutes: int


def gist(markdown: str, limit: int) -> Gist:
    """`limit` is the length of `opening` in characters."""
    units = read(markdown)
    headings = tuple(
        text.shorten(_line(joined(unit.leaves)), _HEADING_LIMIT)
        for unit in units
        if isinstance(unit, Heading | Paragraph) and _is_heading(unit)
    )
    return Gist(_opening(units, limit), headings, _minutes(units))


def plain(markdown: str) -> str:
    """The text without Markdown's marks, each paragraph or entry of a list on a line."""
    return "\n".join(_content(unit) for unit in read(markdown))


def _is_heading(unit: Unit) -> bool:
    """Also a short paragraph in bold, which models write for a heading."""
    match unit:
        case Heading():
            return True
        case Paragraph(leaves):
            content = joined(leaves).strip()
            return (
                bool(content)
                and all(Style.BOLD in leaf.styles for leaf in leaves if leaf.text.strip())
                and text.length(content) <= _HEADING_LIMIT
                and "\n" not in content
                and not content.endswith((".", "!", "?", "。", "؟"))
            )
        case _:
            return False


def _opening(units: Sequence[Unit], limit: int) -> str:
    """As many whole sentences as fit; the beginning of the first if it does not.

    Ends where the text goes over from prose to something else, or to the next section, unless there
    was only a short note.
    """
    opening = ""
    for unit in units:
        if _is_heading(unit):
            if text.length(opening) * 3 >= limit:
                break
            continue
        if opening and not isinstance(unit, Paragraph | Quote):
            if text.length(opening) > _NOTE_LENGTH:
                break
            if not isinstance(unit, Item):
                continue
        for sentence in sentences.split(_content(unit)):
            longer = f"{opening}{_gap(opening, sentence)}{sentence}".strip()
            if text.length(longer) > limit:
                return opening or _shortened(sentence, limit)
            opening = longer
    return opening or _shortened(" ".join(_content(unit) for unit in units), limit)


def _gap(opening: str, sentence: str) -> str:
    """A dot in the middle after words that are no sentence, such as a note."""
    is_ended = not opening or unicodedata.category(opening[-1])[0] == "P"
    return " " if is_ended or sentence.startswith("•") else " · "


def _shortened(sentence: str, limit: int) -> str:
    """Cut at the end of a word if there is one in the last half."""
    if text.length(sentence) <= limit:
        return sentence
    cut = text.shorten(sentence, limit).removesuffix(text.ELLIPSIS)
    space = cut.rfind(" ", len(cut) // 2)
    return (cut[:space] if space > 0 else cut).rstrip(" ,;:") + text.ELLIPSIS


def _content(unit: Unit) -> str:
    match unit:
        case Paragraph(leaves) | Heading(leaves) | Quote(leaves):
            return joined(leaves)
        case Item(leaves, number=number):
            mark = "•" if number is None else f"{number}."
            return f"{mark} {joined(leaves)}"
        case Code(code):
            return code
        case Table(rows):
            return "\n".join(" | ".join(joined(cell) for cell in row) for row in rows)
        case Rule():
            return ""


def _line(content: str) -> str:
    return " ".join(content.split())


def _minutes(units: Sequence[Unit]) -> int:
    content = " ".join(_content(unit) for unit in units)
    unspaced = len(_UNSPACED.findall(content))
    words = len(_UNSPACED.sub(" ", content).split())
    return max(1, round(words / WORDS_PER_MINUTE + unspaced / CHARACTERS_PER_MINUTE))
