"""What changed from the revision before. Pure."""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from typing import Final

from slack_sdk.models.blocks import (
    Block,
    DividerBlock,
    RichTextBlock,
    RichTextElementParts,
    RichTextSectionElement,
)
from slack_sdk.models.views import View

from bot.slack import ids
from bot.slack.render import outputs, people, text
from bot.slack.render.message import context, section
from bot.slack.render.modals.frame import lead, modal
from bot.slack.render.modals.read import turning
from storage.records import Checkpoint, Execution

PAGE_CHARACTERS: Final = 9_000
PAGE_PIECES: Final = 400
_WORDS: Final = re.compile(r"\s+|\w+|[^\w\s]")
_Piece = RichTextElementParts.Text


def changes(
    checkpoint: Checkpoint,
    execution: Execution,
    before: Checkpoint | None,
    *,
    about: ids.FormView,
) -> View:
    """The text with what was removed struck through and what was added in bold, in pages."""
    shown = _pages(before, checkpoint) if before is not None else []
    page = min(max(about.page, 0), max(0, len(shown) - 1))
    blocks: list[Block] = [lead(checkpoint, execution, *_number(page, len(shown)))]
    if checkpoint.asked.strip():
        by = people.person(checkpoint.asked_by) if checkpoint.asked_by else "Somebody"
        blocks.append(section(f"{by} asked:\n{text.quote(checkpoint.asked, 2000)}"))
    if before is None:
        blocks.append(section("This is the first revision, so there is nothing to compare."))
    elif not shown:
        blocks.append(section("Not a word has changed."))
    else:
        legend = f"From revision {before.revision}: *[+added+]* · ~[−removed−]~"
        blocks += [context(legend), DividerBlock(), shown[page], *turning(page, len(shown))]
    return modal(
        blocks, title="What changed", about=replace(about, page=page), callback_id=ids.CHANGES_VIEW
    )


def _number(page: int, count: int) -> list[str]:
    return [f"page {page + 1} of {count}"] if count > 1 else []


def _pages(before: Checkpoint, after: Checkpoint) -> list[RichTextBlock]:
    pieces = _pieces(outputs.full_text(before.output), outputs.full_text(after.output))
    pages: list[list[_Piece]] = [[]]
    size = 0
    for piece in pieces:
        length = text.length(str(piece.text))
        if pages[-1] and (size + length > PAGE_CHARACTERS or len(pages[-1]) >= PAGE_PIECES):
            pages.append([])
            size = 0
        pages[-1].append(piece)
        size += length
    return [
        RichTextBlock(elements=[RichTextSectionElement(elements=list(page))])
        for page in pages
        if page
    ]


def _pieces(before: str, after: str) -> list[_Piece]:
    """Runs of words that stayed, were removed or were added; none if all stayed."""
    old, new = (_WORDS.findall(text.sanitize(each)) for each in (before, after))
    matcher = difflib.SequenceMatcher(a=old, b=new, autojunk=len(old) > 4000)
    pieces: list[_Piece] = []
    changed = False
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            pieces += [_Piece(text=part) for part in _cut("".join(new[c:d]))]
            continue
        changed = True
        removed, added = "".join(old[a:b]), "".join(new[c:d])
        pieces += [_styled(part, "−", strike=True) for part in _cut(removed)]
        pieces += [_styled(part, "+", bold=True) for part in _cut(added)]
    return pieces if changed else []


def _cut(content: str) -> list[str]:
    size = PAGE_CHARACTERS // 3
    return [content[at : at + size] for at in range(0, len(content), size)]


def _styled(content: str, mark: str, *, strike: bool = False, bold: bool = False) -> _Piece:
    style = RichTextElementParts.TextStyle(bold=bold or None, strike=strike or None)
    return _Piece(text=f"[{mark}{content}{mark}]", style=style)
