"""The words that differ between two texts. Pure.

Lines are compared first, then the words of lines that differ. The standard library's matcher is
quadratic in the worst case, so all comparisons share a budget. Passages that it does not cover are
first split at what occurs once in both; what is left when it is used up counts as replaced.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import Enum, auto
from functools import lru_cache
from itertools import groupby
from typing import Final, TypeAlias

from bot.slack.render import text

BUDGET: Final = 1_000_000
"""Pairs of equal tokens that may be looked at."""

CONFETTI: Final = 0.3
"""If fewer of the words of two passages are the same, the passage is shown as replaced."""

_UNSPACED: Final = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3040, 0x30FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese: no spaces, so each character is a token."""

_JOINER: Final = "\u200d"


class Kind(Enum):
    SAME = auto()
    REMOVED = auto()
    ADDED = auto()


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text that both have, or only the old or the new one."""

    kind: Kind
    text: str


_Run: TypeAlias = tuple[Sequence[str], Sequence[str], Sequence[str]]


class _CharacterKind(Enum):
    WORD = auto()
    SINGLE = auto()
    SPACE = auto()
    ATTACHED = auto()


class _Budget:
    def __init__(self) -> None:
        self._left = BUDGET

    def covers(self, old: Sequence[str], new: Sequence[str]) -> bool:
        """Spend what comparing these takes, if that is left."""
        counts = Counter(new)
        cost = sum(counts[token] for token in old)
        if cost > self._left:
            return False
        self._left -= cost
        return True


@lru_cache(maxsize=64)
def difference(old: str, new: str) -> tuple[Piece, ...]:
    """All of both texts in order, without invisible characters. Equal texts give one piece."""
    old_lines, new_lines = (
        text.sanitize(each).strip().splitlines(keepends=True) for each in (old, new)
    )
    budget = _Budget()
    pieces: list[Piece] = []
    for removed, added, same in _runs(old_lines, new_lines, budget):
        if same:
            pieces.append(Piece(Kind.SAME, "".join(same)))
        else:
            pieces += _words(tokens("".join(removed)), tokens("".join(added)), budget)
    return tuple(_joined(pieces))


def _words(old: Sequence[str], new: Sequence[str], budget: _Budget) -> list[Piece]:
    replaced = [Piece(Kind.REMOVED, "".join(old)), Piece(Kind.ADDED, "".join(new))]
    pieces: list[Piece] = []
    equal = 0
    for removed, added, same in _runs(old, new, budget):
        equal += count_words(same)
        pieces += [
            Piece(Kind.SAME, "".join(same)),
            Piece(Kind.REMOVED, "".join(removed)),
            Piece(Kind.ADDED, "".join(added)),
        ]
    fewer = min(count_words(old), count_words(new))
    return replaced if equal < CONFETTI * fewer else pieces


def _runs(
    old: Sequence[str], new: Sequence[str], budget: _Budget, *, depth: int = 0
) -> Iterator[_Run]:
    """(removed, added, same) in order; in each either the last or both others are empty."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    if start:
        yield (), (), new[:start]
    a, b = old[start : len(old) - end], new[start : len(new) - end]
    if a and b and budget.covers(a, b):
        for kind, i, j, k, m in SequenceMatcher(None, a, b).get_opcodes():
            yield ((), (), b[k:m]) if kind == "equal" else (a[i:j], b[k:m], ())
    elif a and b and depth == 0 and (anchors := _anchors(a, b)):
        yield from _between(a, b, anchors, budget)
    elif a or b:
        yield a, b, ()
    if end:
        yield (), (), new[len(new) - end :]


def _anchors(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Where three tokens stand that occur once in both, in the order of both: patience diff."""
    places: list[dict[tuple[str, ...], int]] = []
    for side in (old, new):
        triples = list(zip(side, side[1:], side[2:], strict=False))
        counts = Counter(triples)
        places.append({each: n for n, each in enumerate(triples) if counts[each] == 1})
    pairs = [(i, places[1][each]) for each, i in places[0].items() if each in places[1]]
    tails: list[int] = []  # the longest rising row of places in `new`
    ends: list[int] = []
    links: list[int] = []
    for number, (_, j) in enumerate(pairs):
        length = bisect_left(tails, j)
        links.append(ends[length - 1] if length else -1)
        if length == len(tails):
            tails.append(j)
            ends.append(number)
        else:
            tails[length], ends[length] = j, number
    row: list[tuple[int, int]] = []
    at = ends[-1] if ends else -1
    while at >= 0:
        row.append(pairs[at])
        at = links[at]
    return row[::-1]


def _between(
    old: Sequence[str], new: Sequence[str], anchors: Sequence[tuple[int, int]], budget: _Budget
) -> Iterator[_Run]:
    i = j = 0
    for at_old, at_new in anchors:
        yield from _runs(old[i:at_old], new[j:at_new], budget, depth=1)
        if at_old >= i and at_new >= j:
            yield (), (), new[at_new : at_new + 1]
            i, j = at_old + 1, at_new + 1
    yield from _runs(old[i:], new[j:], budget, depth=1)


def _joined(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Neighbouring pieces made one, and white space between two changes made part of both."""
    changes: dict[Kind, str] = {Kind.REMOVED: "", Kind.ADDED: ""}
    parts = [
        Piece(kind, "".join(piece.text for piece in group))
        for kind, group in groupby((p for p in pieces if p.text), key=lambda p: p.kind)
    ]
    for number, part in enumerate(parts):
        if part.kind is not Kind.SAME:
            changes[part.kind] += part.text
        elif part.text.isspace() and all(changes.values()) and number < len(parts) - 1:
            changes = {kind: content + part.text for kind, content in changes.items()}
        else:
            yield from (Piece(kind, content) for kind, content in changes.items() if content)
            changes = {Kind.REMOVED: "", Kind.ADDED: ""}
            yield part
    yield from (Piece(kind, content) for kind, content in changes.items() if content)


def tokens(content: str) -> list[str]:
    """Words and all other characters, each with the marks and the white space that follow it."""
    split: list[str] = []
    before: _CharacterKind | None = None
    for character in content:
        kind = _kind(character)
        follows = kind in (_CharacterKind.ATTACHED, _CharacterKind.SPACE)
        in_word = kind is before is _CharacterKind.WORD
        if split and (follows or in_word or split[-1].endswith(_JOINER)):
            split[-1] += character
        else:
            split.append(character)
        before = before if kind is _CharacterKind.ATTACHED else kind
    return split


def count_words(parts: Sequence[str]) -> int:
    return sum(1 for part in parts if part[:1].isalnum())


@lru_cache(maxsize=4096)
def _kind(character: str) -> _CharacterKind:
    if character.isspace():
        return _CharacterKind.SPACE
    category = unicodedata.category(character)
    if category[0] == "M" or character in ("\u200c", _JOINER):
        return _CharacterKind.ATTACHED
    if not (character.isalnum() or character == "_"):
        return _CharacterKind.SINGLE
    unspaced = any(first <= ord(character) <= last for first, last in _UNSPACED)
    return _CharacterKind.SINGLE if unspaced else _CharacterKind.WORD
