"""How much a unit takes, and where it can be split. Pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

from bot.slack.render import text
from bot.slack.render.markdown.units import (
    Code,
    Heading,
    Item,
    Leaf,
    Leaves,
    Paragraph,
    Quote,
    Rule,
    Table,
    Unit,
    joined,
    merged,
)

_BOUNDARIES: Final = ("\n", ". ", "。", " ")
_ZERO_WIDTH_JOINER: Final = "\u200d"


@dataclass(frozen=True, slots=True)
class Cost:
    """Characters and bytes as Slack counts them, and elements of rich text."""

    characters: int = 0
    bytes: int = 0
    elements: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.characters + other.characters,
            self.bytes + other.bytes,
            self.elements + other.elements,
        )

    def __sub__(self, other: Cost) -> Cost:
        return Cost(
            self.characters - other.characters,
            self.bytes - other.bytes,
            self.elements - other.elements,
        )

    def within(self, most: Cost) -> bool:
        return (
            self.characters <= most.characters
            and self.bytes <= most.bytes
            and self.elements <= most.elements
        )


UNIT: Final = Cost(characters=4, bytes=4, elements=3)
"""What a unit takes beside its leaves, at most: its elements, and line breaks around it."""


def cost(unit: Unit) -> Cost:
    match unit:
        case Paragraph(leaves) | Heading(leaves) | Quote(leaves) | Item(leaves):
            return sum((_leaf_cost(leaf) for leaf in leaves), UNIT)
        case Code(code):
            return UNIT + _leaf_cost(Leaf(code))
        case Rule():
            return UNIT + _leaf_cost(Leaf("———"))
        case Table(rows):
            return sum(
                (_leaf_cost(leaf) for row in rows for cell in row for leaf in cell or [Leaf(" ")]),
                UNIT,
            )


def _leaf_cost(leaf: Leaf) -> Cost:
    size = len(leaf.text.encode("utf-8", "surrogatepass"))
    if not leaf.url:
        return Cost(text.length(leaf.text), size, 1)
    label = (0, 0) if leaf.text == leaf.url else (text.length(leaf.text), size)
    return Cost(label[0] + text.length(leaf.url), label[1] + len(leaf.url.encode()), 1)


def split(unit: Unit, most: Cost) -> tuple[Unit | None, Unit | None]:
    """Returns the beginning that fits into `most`, and the rest. No beginning: nothing fits.

    Splits between lines, sentences or words if one ends in the last half of what fits.
    """
    inside = most - UNIT
    match unit:
        case Code(code):
            head, tail = split_leaves((Leaf(code),), inside)
            # The line break that is split at is the end of the page.
            return _code(joined(head).removesuffix("\n")), _code(joined(tail))
        case Item(leaves):
            head, tail = split_leaves(leaves, inside)
            # The item goes on without a mark: it is one item.
            return (replace(unit, leaves=head) if head else None), _rest(Paragraph(tail))
        case Paragraph(leaves) | Heading(leaves) | Quote(leaves):
            head, tail = split_leaves(leaves, inside)
            kind = type(unit)
            return (kind(head) if head else None), _rest(kind(tail))
        case Rule() | Table():
            return None, unit


def _rest(unit: Paragraph | Heading | Quote) -> Unit | None:
    return unit if joined(unit.leaves).strip() else None


def _code(code: str) -> Code | None:
    return Code(code) if code else None


def split_leaves(leaves: Leaves, most: Cost) -> tuple[Leaves, Leaves]:
    """The leaves that fit into `most`, and the rest."""
    costs = list(accumulate((_leaf_cost(leaf) for leaf in leaves), initial=Cost()))
    whole = max(at for at in range(len(costs)) if at == 0 or costs[at].within(most))
    if whole == len(leaves):
        return leaves, ()
    length = sum(len(leaf.text) for leaf in leaves[:whole])
    length += _fitting(leaves[whole], most - costs[whole])
    content = joined(leaves)
    return _cut(leaves, _boundary(content, length))


def _fitting(leaf: Leaf, most: Cost) -> int:
    """How many characters of a leaf fit."""
    if most.elements < 1:
        return 0
    if leaf.url:
        address = Cost(text.length(leaf.url), len(leaf.url.encode()))
        most = most - address
    if most.characters <= 0 or most.bytes <= 0:
        return 0
    start = leaf.text[: most.characters]
    sizes = accumulate(
        (
            (1 + (ord(character) > 0xFFFF), len(character.encode("utf-8", "surrogatepass")))
            for character in start
        ),
        lambda total, size: (total[0] + size[0], total[1] + size[1]),
    )
    return sum(1 for units, size in sizes if units <= most.characters and size <= most.bytes)


def _boundary(content: str, length: int) -> int:
    """Where to cut within the first `length` characters."""
    for boundary in _BOUNDARIES:
        at = content.rfind(boundary, length // 2, length)
        if at >= 0:
            return at + len(boundary)
    at = length
    while at > max(1, length - 64) and _joins(content, at):
        at -= 1
    return at if at > 0 else length


def _joins(content: str, at: int) -> bool:
    """Whether the characters on both sides belong together, as in an emoji."""
    if at >= len(content):
        return False
    before, after = content[at - 1], content[at]
    return (
        _ZERO_WIDTH_JOINER in {before, after}
        or unicodedata.category(after)[0] == "M"
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or ("\U0001f1e6" <= after <= "\U0001f1ff" and "\U0001f1e6" <= before <= "\U0001f1ff")
    )


def _cut(leaves: Leaves, at: int) -> tuple[Leaves, Leaves]:
    head: list[Leaf] = []
    tail: list[Leaf] = []
    for leaf in leaves:
        size = len(leaf.text)
        if size <= at:
            head.append(leaf)
        elif at <= 0:
            tail.append(leaf)
        else:
            head.append(replace(leaf, text=leaf.text[:at]))
            tail.append(replace(leaf, text=leaf.text[at:]))
        at -= size
    return merged(head), merged(tail)


def without_links(unit: Unit) -> Unit:
    """The unit with addresses as text, for a page on which not even one address fits."""
    match unit:
        case Paragraph(leaves) | Heading(leaves) | Quote(leaves) | Item(leaves):
            return replace(unit, leaves=merged([_unlinked(leaf) for leaf in leaves]))
        case _:
            return unit


def _unlinked(leaf: Leaf) -> Leaf:
    if not leaf.url or leaf.text == leaf.url:
        return Leaf(leaf.text, leaf.styles)
    return Leaf(f"{leaf.text} ({leaf.url})", leaf.styles)
