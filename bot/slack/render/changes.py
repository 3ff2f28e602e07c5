"""What changed from one revision to the next, as a reviewer reads it. Pure.

Removed words are struck through and added ones bold; in plain text they stand in `[-…-]` and
`{+…+}`, as in `git diff --word-diff`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from slack_sdk.models.blocks import (
    Block,
    RichTextBlock,
    RichTextElementParts,
    RichTextSectionElement,
)

from bot.slack.render import text
from bot.slack.render.difference import Kind, Piece, count_words, difference, tokens
from bot.slack.render.markdown.pages import MODAL, Room

CONTEXT: Final = 120
"""Characters of unchanged text that are shown before and after a change."""

ELEMENTS: Final = 200
"""Elements of one rich text."""

LEAST: Final = 8
LEAD_CHARACTERS: Final = 18
PART_LIMIT: Final = 40
"""Characters of one piece of an excerpt."""

PIECE_LIMIT: Final = 2500
BLOCK_CHARACTERS: Final = 3000

_STYLES: Final = {
    Kind.SAME: None,
    Kind.REMOVED: RichTextElementParts.TextStyle(strike=True),
    Kind.ADDED: RichTextElementParts.TextStyle(bold=True),
}

_Text = RichTextElementParts.Text


@dataclass(frozen=True, slots=True)
class Changes:
    """How many words were added and removed, in how many places."""

    added: int
    removed: int
    places: int


def count(previous: str, current: str) -> Changes:
    pieces = difference(previous, current)
    words = {
        kind: sum(count_words(tokens(piece.text)) for piece in pieces if piece.kind is kind)
        for kind in (Kind.ADDED, Kind.REMOVED)
    }
    starts = [
        piece
        for before, piece in zip((None, *pieces), pieces, strict=False)
        if piece.kind is not Kind.SAME and (before is None or before.kind is Kind.SAME)
    ]
    return Changes(words[Kind.ADDED], words[Kind.REMOVED], len(starts))


def summary(previous: str, current: str) -> str:
    """`12 words added, 4 removed, in 3 places`. Says so if nothing changed."""
    changes = count(previous, current)
    if not changes.places:
        return "nothing: the text is the same as before"
    places = "in 1 place" if changes.places == 1 else f"in {changes.places:,} places"
    if not (changes.added or changes.removed):
        return f"only punctuation and spaces, {places}"
    parts = []
    if changes.added:
        parts.append(f"{changes.added:,} {_words(changes.added)} added")
    if changes.removed:
        noun = "" if changes.added else f" {_words(changes.removed)}"
        parts.append(f"{changes.removed:,}{noun} removed")
    return f"{', '.join(parts)}, {places}"


def _words(number: int) -> str:
    return "word" if number == 1 else "words"


def excerpt(previous: str, current: str, limit: int) -> tuple[_Text, ...]:
    """The first changes with a few words around them, at most `limit` characters. Empty if nothing
    changed."""
    pieces = [
        piece for piece in _spaced(_around(difference(previous, current), 25)) if piece.text.strip()
    ]
    if all(piece.kind is Kind.SAME for piece in pieces):
        return ()
    shown: list[_Text] = []
    for number, piece in enumerate(pieces):
        if limit < LEAST:
            break
        content = _one_line(piece.text)
        leads_on = piece.kind is Kind.SAME and number < len(pieces) - 1
        if leads_on and len(content) > LEAD_CHARACTERS:
            content = f"{text.ELLIPSIS} {_last_words(content, LEAD_CHARACTERS)}"
        if shown and shown[-1].text.endswith(text.ELLIPSIS):
            content = content.removeprefix(text.ELLIPSIS)
        part = text.shorten(content, min(limit, PART_LIMIT))
        limit -= text.length(part)
        shown.append(_Text(text=part, style=_STYLES[piece.kind]))
    return tuple(shown)


def blocks(previous: str, current: str, room: Room = MODAL) -> tuple[tuple[Block, ...], ...]:
    """All changes in pages that fit, with the text around them. No page if nothing changed."""
    pieces = difference(previous, current)
    if all(piece.kind is Kind.SAME for piece in pieces):
        return ()
    pages: list[tuple[Block, ...]] = []
    page: list[Block] = []
    characters = size = 0
    for elements in _blocks(list(_cut(_spaced(_around(pieces, CONTEXT))))):
        content = "".join(element.text for element in elements)
        full = (
            len(page) >= room.blocks
            or characters + text.length(content) > room.characters
            or size + len(content.encode()) > room.bytes
        )
        if page and full:
            pages.append(tuple(page))
            page, characters, size = [], 0, 0
        page.append(RichTextBlock(elements=[RichTextSectionElement(elements=list(elements))]))
        characters += text.length(content)
        size += len(content.encode())
    return (*pages, tuple(page))


def as_text(previous: str, current: str) -> str:
    """The whole text with `[-removed-]` and `{+added+}`, for a file."""
    marks = {Kind.SAME: ("", ""), Kind.REMOVED: ("[-", "-]"), Kind.ADDED: ("{+", "+}")}
    return "".join(
        f"{marks[piece.kind][0]}{piece.text}{marks[piece.kind][1]}"
        for piece in difference(previous, current)
    )


def _around(pieces: Sequence[Piece], context: int) -> Iterator[Piece]:
    """The pieces, with long unchanged text reduced to what stands next to a change."""
    last = len(pieces) - 1
    for number, piece in enumerate(pieces):
        if piece.kind is not Kind.SAME or len(piece.text) <= 2 * context + 40:
            yield piece
            continue
        before = _first_words(piece.text, context) if number > 0 else ""
        after = _last_words(piece.text, context) if number < last else ""
        yield Piece(Kind.SAME, f"{before} {text.ELLIPSIS} {after}")


def _spaced(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """With a space between what was removed and what stands in its place."""
    before = None
    for piece in pieces:
        touching = before is not None and not before.text[-1:].isspace()
        replaces = before is not None and before.kind is Kind.REMOVED and piece.kind is Kind.ADDED
        if replaces and touching and not piece.text[:1].isspace():
            yield Piece(piece.kind, f" {piece.text}")
        else:
            yield piece
        before = piece


def _first_words(content: str, limit: int) -> str:
    cut = content[:limit]
    return cut[: cut.rfind(" ", limit // 2)] if " " in cut[limit // 2 :] else cut


def _last_words(content: str, limit: int) -> str:
    cut = content[-limit:]
    return cut[cut.find(" ", 0, limit // 2) + 1 :]


def _cut(pieces: Iterator[Piece]) -> Iterator[_Text]:
    for piece in pieces:
        for start in range(0, len(piece.text), PIECE_LIMIT):
            part = piece.text[start : start + PIECE_LIMIT]
            yield _Text(text=part, style=_STYLES[piece.kind])


def _blocks(elements: Sequence[_Text]) -> Iterator[list[_Text]]:
    block: list[_Text] = []
    characters = 0
    for element in elements:
        length = len(element.text)
        if block and (len(block) >= ELEMENTS or characters + length > BLOCK_CHARACTERS):
            yield block
            block, characters = [], 0
        block.append(element)
        characters += length
    if block:
        yield block


def _one_line(content: str) -> str:
    """White space made single spaces; one at the ends stays, which separates the words."""
    start, end = content[:1].isspace() * " ", content[-1:].isspace() * " "
    return f"{start}{' '.join(content.split())}{end}"
