"""How much a unit takes, and where it can be split. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from operator import add, le, sub
from typing import Final, NamedTuple

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
_EMPTY: Final = (Leaf(" "),)
"""What stands for no text, which Slack does not take."""


class Cost(NamedTuple):
    """Characters and bytes as Slack counts them, and elements of rich text."""

    characters: int = 0
    bytes: int = 0
    elements: int = 0

    def plus(self, other: Cost) -> Cost:
        return Cost(*map(add, self, other))

    def minus(self, other: Cost) -> Cost:
        return Cost(*map(sub, self, other))

    def within(self, most: Cost) -> bool:
        return all(map(le, self, most))

    def at_most(self, other: Cost) -> Cost:
        return Cost(*map(min, self, other))


UNIT: Final = Cost(characters=4, bytes=4, elements=3)
"""What a unit takes beside its leaves, at most: its elements, and line breaks around it."""


def cost(unit: Unit) -> Cost:
    characters, size, elements = UNIT
    for leaf in _leaves(unit):
        leaf_characters, leaf_size = _measured(leaf)
        characters += leaf_characters
        size += leaf_size
        elements += 1
    return Cost(characters, size, elements)


def _leaves(unit: Unit) -> Iterable[Leaf]:
    match unit:
        case Paragraph(leaves) | Heading(leaves) | Quote(leaves) | Item(leaves):
            return leaves or _EMPTY
        case Code(code):
            return (Leaf(code),)
        case Rule():
            return (Leaf("———"),)
        case Table(rows):
            return (leaf for row in rows for cell in row for leaf in cell or _EMPTY)


def _measured(leaf: Leaf) -> tuple[int, int]:
    """Characters and bytes."""
    characters, size = _lengths(leaf.text)
    if not leaf.url:
        return characters, size
    address = _lengths(leaf.url)
    if leaf.text == leaf.url:
        return address
    return characters + address[0], size + address[1]


def _lengths(shown: str) -> tuple[int, int]:
    if shown.isascii():
        return len(shown), len(shown)
    return text.length(shown), len(shown.encode("utf-8", "surrogatepass"))


def split(unit: Unit, most: Cost) -> tuple[Unit | None, Unit | None]:
    """Returns the beginning that fits into `most`, and the rest. No beginning: nothing fits.

    Splits between lines, sentences or words if one ends in the last half of what fits.
    """
    inside = most.minus(UNIT)
    match unit:
        case Code(code):
            head, tail = split_leaves((Leaf(code),), inside)
            # The line break that is split at is the end of the page.
            beginning = joined(head)
            return _code(beginning.removesuffix("\n") if tail else beginning), _code(joined(tail))
        case Item(leaves):
            head, tail = split_leaves(leaves or _EMPTY, inside)
            # The item goes on without a mark: it is one item.
            return (replace(unit, leaves=head) if head else None), _rest(Paragraph(tail))
        case Paragraph(leaves) | Heading(leaves) | Quote(leaves):
            head, tail = split_leaves(leaves, inside)
            kind = type(unit)
            return (kind(head) if head else None), _rest(kind(tail))
        case Rule() | Table():
            return (unit, None) if cost(unit).within(most) else (None, unit)


def _rest(unit: Paragraph | Heading | Quote) -> Unit | None:
    return unit if any(leaf.text.strip() for leaf in unit.leaves) else None


def _code(code: str) -> Code | None:
    return Code(code) if code else None


def split_leaves(leaves: Leaves, most: Cost) -> tuple[Leaves, Leaves]:
    """The leaves that fit into `most`, and the rest."""
    used = Cost()
    for position, leaf in enumerate(leaves):
        with_leaf = used.plus(Cost(*_measured(leaf), 1))
        if not with_leaf.within(most):
            fitting = _fitting(leaf, most.minus(used))
            around = leaves[: position + 1]
            length = sum(len(before.text) for before in around[:-1]) + fitting
            following = leaf.text[fitting : fitting + 1]
            at = _boundary(joined(around)[:length], following)
            head, tail = _cut(around, at)
            return head, (*tail, *leaves[position + 1 :])
        used = with_leaf
    return leaves, ()


def _fitting(leaf: Leaf, most: Cost) -> int:
    """How many characters of a leaf fit."""
    if leaf.url:
        most = most.minus(Cost(*_lengths(leaf.url)))
    if min(most.characters, most.bytes, most.elements) <= 0:
        return 0
    start = leaf.text[: most.characters]
    if start.isascii():
        return min(len(start), most.bytes)
    characters = size = 0
    for count, character in enumerate(start):
        characters += 1 + (ord(character) > 0xFFFF)
        size += len(character.encode("utf-8", "surrogatepass"))
        if characters > most.characters or size > most.bytes:
            return count
    return len(start)


def _boundary(content: str, following: str) -> int:
    """Where to cut `content`, which is followed by another character."""
    for boundary in _BOUNDARIES:
        at = content.rfind(boundary, len(content) // 2)
        if at >= 0:
            return at + len(boundary)
    at, after = len(content), following
    while at > max(1, len(content) - 64) and _join(content[at - 1], after):
        at, after = at - 1, content[at - 1]
    return at


def _join(before: str, after: str) -> bool:
    """Whether two characters belong together, as in an emoji."""
    return bool(after) and (
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
