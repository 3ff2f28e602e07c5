"""A text as a flat list of units, from which pages are made. Pure.

A list item or a quotation is a unit of its own that knows its place, so a page can begin with any
of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Style(StrEnum):
    BOLD = "bold"
    ITALIC = "italic"
    STRIKE = "strike"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Leaf:
    """Text in one style. With a `url` it is a link."""

    text: str
    styles: frozenset[Style] = frozenset()
    url: str = ""


Leaves = tuple[Leaf, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    leaves: Leaves


@dataclass(frozen=True, slots=True)
class Heading:
    leaves: Leaves


@dataclass(frozen=True, slots=True)
class Item:
    """A list item. `number` is None in a bullet list; `indent` counts from 0."""

    leaves: Leaves
    indent: int
    number: int | None


@dataclass(frozen=True, slots=True)
class Quote:
    leaves: Leaves


@dataclass(frozen=True, slots=True)
class Code:
    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A thematic break."""


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` have equally many cells each; the first row is the header. `aligns` has one of `left`,
    `center` and `right` for each column."""

    rows: tuple[tuple[Leaves, ...], ...]
    aligns: tuple[str, ...]


Unit = Paragraph | Heading | Item | Quote | Code | Rule | Table


def joined(leaves: Sequence[Leaf]) -> str:
    return "".join(leaf.text for leaf in leaves)


def merged(leaves: Sequence[Leaf]) -> Leaves:
    """Neighbours of one style as one leaf. Two links stay two, even to the same address."""
    result: list[Leaf] = []
    for leaf in leaves:
        if not leaf.text:
            continue
        if result and not leaf.url and not result[-1].url and result[-1].styles == leaf.styles:
            result[-1] = Leaf(result[-1].text + leaf.text, leaf.styles)
        else:
            result.append(leaf)
    return tuple(result)


def stripped(leaves: Sequence[Leaf]) -> Leaves:
    """Without white space at both ends."""
    parts = list(leaves)
    while parts and not parts[0].text.strip():
        parts.pop(0)
    while parts and not parts[-1].text.strip():
        parts.pop()
    if parts:
        first = parts[0]
        parts[0] = Leaf(first.text.lstrip(), first.styles, first.url)
        last = parts[-1]
        parts[-1] = Leaf(last.text.rstrip(), last.styles, last.url)
    return tuple(parts)
