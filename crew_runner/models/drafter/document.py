"""A Markdown text as its sections, so that one can be cut, counted or left out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_HEADING: Final = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*$")
_FENCE: Final = "```"


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
    """The first heading of level one is the title; headings inside code blocks are code."""
    head: list[str] = []
    raw_sections: list[tuple[int, str, list[str]]] = []
    fenced = False
    for line in text.strip().splitlines():
        fenced ^= line.lstrip().startswith(_FENCE)
        match = None if fenced else _HEADING.match(line)
        if match and (raw_sections or len(match[1]) > 1 or any(map(str.strip, head))):
            raw_sections.append((len(match[1]), match[2], []))
        else:
            (raw_sections[-1][2] if raw_sections else head).append(line)
    sections = (Section(name, "\n".join(body).strip(), level) for level, name, body in raw_sections)
    return Document("\n".join(head).strip(), tuple(sections))


def render(document: Document) -> str:
    parts = [document.head] if document.head else []
    for section in document.sections:
        parts.append(f"{'#' * section.level} {section.heading}")
        parts += [section.body] if section.body else []
    return "\n\n".join(parts)


def blocks(body: str) -> list[str]:
    """The paragraphs, lists, tables and code blocks, unchanged."""
    parts: list[str] = []
    for part in re.split(r"\n\s*\n", body):
        if parts and parts[-1].count(_FENCE) % 2:
            parts[-1] += f"\n\n{part}"
        elif part.strip():
            parts.append(part.strip("\n"))
    return parts


def items(block: str) -> list[str]:
    """The items of a list, with the lines that continue them; empty for any other block."""
    if not re.match(r"(?:[-*+•]|\d+[.)])\s", block):
        return []
    return re.split(r"\n(?=(?:[-*+•]|\d+[.)])\s)", block)
