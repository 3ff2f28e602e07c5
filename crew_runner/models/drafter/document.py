"""A Markdown text as its sections, so that one can be cut, counted or left out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_HEADING: Final = re.compile(r"^(#{2,6})\s+(.+)$", re.MULTILINE)
_MARKER: Final = r"(?:[-*+•]|\d+[.)])\s"


@dataclass(frozen=True, slots=True)
class Section:
    heading: str
    body: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Document:
    """`head` is everything before the first section: title, label, opening lines."""

    head: str
    sections: tuple[Section, ...]


def parse(text: str) -> Document:
    """The sections are below the headings of level two and lower."""
    head, *rest = _HEADING.split(text)
    sections = (
        Section(heading.strip(), body.strip(), len(marks))
        for marks, heading, body in zip(rest[::3], rest[1::3], rest[2::3], strict=True)
    )
    return Document(head.strip(), tuple(sections))


def render(document: Document) -> str:
    parts = [document.head]
    for section in document.sections:
        parts += [f"{'#' * section.level} {section.heading}", section.body]
    return "\n\n".join(part for part in parts if part)


def blocks(body: str) -> list[str]:
    """The paragraphs, lists and tables, unchanged."""
    return [part.strip("\n") for part in re.split(r"\n\s*\n", body) if part.strip()]


def items(block: str) -> list[str]:
    """The items of a list, with the lines that continue them; empty for any other block."""
    return re.split(rf"\n(?={_MARKER})", block) if re.match(_MARKER, block) else []
