"""Changes to a document that need no knowledge of why they are wanted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from typing import Final

from crew_runner.models.drafter.amounts import later, month_names, say_day
from crew_runner.models.drafter.markdown import (
    Block,
    Bullets,
    Document,
    Paragraph,
    Section,
    Table,
    each_text,
    sentences,
)
from crew_runner.models.drafter.words import Words, heading_anywhere

_WORD_FOR_WORD: Final = ("overview", "messages", "draft_messages", "say")
_MISSED_LEAST: Final = ("questions", "formats", "open", "talent", "days")


def section_of(document: Document, key: str | None) -> Section | None:
    return next((s for s in document.sections if heading_anywhere(s.heading) == key), None)


def current(document: Document, section: Section) -> Section:
    """The section of that heading as it stands now."""
    return next((s for s in document.sections if s.heading == section.heading), section)


def append(document: Document, section: Section, *items: str) -> Document:
    """Add lines to a section: to its list if it has one, else as a list after the rest."""
    section = current(document, section)
    blocks = list(section.blocks)
    for place, block in reversed(list(enumerate(blocks))):
        if isinstance(block, Bullets):
            blocks[place] = replace(block, items=(*block.items, *items))
            break
    else:
        blocks.append(Bullets(items))
    return document.with_section(replace(section, blocks=tuple(blocks)))


def everywhere(document: Document, change: Callable[[str], str], *, spare: str) -> Document:
    """Every running text changed, but for the title's and those of the section `spare`."""
    lead = each_text(Section("", document.lead), change).blocks
    return replace(
        document,
        lead=lead,
        sections=tuple(
            s if s.heading == spare else each_text(s, change) for s in document.sections
        ),
    )


def substitute(document: Document, old: str, new: str, *, spare: str) -> tuple[Document, int]:
    """Every occurrence of `old` replaced; how many there were."""
    pattern = _spelling(old)
    count = 0

    def change(text: str) -> str:
        nonlocal count
        changed, times = pattern.subn(lambda m: _cased(new, m.group()), text)
        count += times
        return changed

    document = replace(document, title=change(document.title))
    return everywhere(document, change, spare=spare), count


def substitute_in(document: Document, key: str, old: str, new: str) -> Document:
    """Every occurrence of `old` in one section replaced, as it is spelt."""
    section = section_of(document, key)
    if section is None or not old:
        return document
    return document.with_section(each_text(section, lambda text: text.replace(old, new)))


def without(document: Document, what: str, *, spare: str, every: int = 1) -> tuple[Document, int]:
    """The document without what speaks of `what`: sentences, list items, rows.

    `every=2` takes out every second place only. Gives the number of places taken out.
    """
    pattern = _spelling(what)
    seen = taken = 0

    def hit(text: str) -> bool:
        nonlocal seen, taken
        if not pattern.search(text):
            return False
        seen += 1
        if seen % every:
            return False
        taken += 1
        return True

    def cut(text: str) -> str:
        return " ".join(s for s in sentences(text) if not hit(s))

    def cut_item(item: str) -> str:
        """An item goes as a whole where its first sentence goes."""
        parts = sentences(item)
        if not parts or hit(parts[0]):
            return ""
        return " ".join([parts[0], *(s for s in parts[1:] if not hit(s))])

    def of_block(block: Block) -> Block | None:
        match block:
            case Paragraph(text):
                kept = cut(text)
                return Paragraph(kept) if kept else None
            case Bullets(items, numbered):
                left = tuple(kept for item in items if (kept := cut_item(item)))
                return Bullets(left, numbered) if left else None
            case Table(head, rows):
                rest = tuple(row for row in rows if not hit(" ".join(row)))
                return Table(head, rest) if rest else None

    def of_section(section: Section) -> Section:
        if section.heading == spare:
            return section
        return replace(section, blocks=tuple(b for b in map(of_block, section.blocks) if b))

    lead = tuple(b for b in map(of_block, document.lead) if b)
    sections = tuple(s for s in map(of_section, document.sections) if s.blocks)
    return replace(document, lead=lead, sections=sections), taken


def shorten(
    document: Document,
    limit: int,
    *,
    spare: str,
    keep: Iterable[str] = (),
    only: str | None = None,
) -> Document:
    """Cut in steps until at most `limit` words are left or nothing more can go.

    First the second sentences, then what a reader misses least, then the ends of lists. List items
    with one of the `keep` phrases stay: they were asked for.
    """
    asked = tuple(phrase.casefold() for phrase in keep)

    def in_reach(section: Section) -> bool:
        return section.heading != spare and only in {None, heading_anywhere(section.heading)}

    def step(
        document: Document, cut: Callable[[Block], Block], untouched: tuple[str, ...] = ()
    ) -> Document:
        sections = tuple(
            replace(s, blocks=tuple(map(cut, s.blocks)))
            if in_reach(s) and heading_anywhere(s.heading) not in untouched
            else s
            for s in document.sections
        )
        return replace(document, sections=sections)

    document = (
        step(document, _one_sentence, _WORD_FOR_WORD) if document.words() > limit else document
    )
    for key in () if only else _MISSED_LEAST:
        if document.words() > limit:
            gone = section_of(document, key)
            rest = tuple(s for s in document.sections if s is not gone)
            document = replace(document, sections=rest)
    for most in (4, 3, 2):
        if document.words() > limit:
            document = step(document, _fewer(most, asked))
    return document


def _one_sentence(block: Block) -> Block:
    match block:
        case Paragraph(text):
            return Paragraph(next(iter(sentences(text)), text))
        case Bullets(items, numbered):
            return Bullets(tuple(map(_first, items)), numbered)
        case Table():
            return block


def _fewer(most: int, asked: tuple[str, ...]) -> Callable[[Block], Block]:
    def cut(block: Block) -> Block:
        if not isinstance(block, Bullets):
            return block
        kept = tuple(
            item
            for place, item in enumerate(block.items)
            if place < most or any(phrase in item.casefold() for phrase in asked)
        )
        return replace(block, items=kept)

    return cut


def dates_in(document: Document, speech: Words) -> list[date]:
    found: list[date] = []

    def note(text: str) -> str:
        found.extend(when for when in map(_read(speech), _dates(speech).findall(text)) if when)
        return text

    everywhere(document, note, spare="")
    return found


def move(document: Document, speech: Words, *, days: int, spare: str) -> Document:
    """Every date of the document so many days later, or earlier."""
    read = _read(speech)

    def change(text: str) -> str:
        return _dates(speech).sub(
            lambda m: (
                say_day(later(when, days=days), speech)
                if (when := read((m[1], m[2])))
                else m.group()
            ),
            text,
        )

    return everywhere(document, change, spare=spare)


def _dates(speech: Words) -> re.Pattern[str]:
    months = "|".join(map(re.escape, speech.lines("language.short_months")))
    shape = re.escape(speech.text("language.date", day="#", month="@"))
    return re.compile(shape.replace(r"\#", r"(?<!\d)(\d{1,2})").replace("@", rf"({months})(?!\w)"))


def _read(speech: Words) -> Callable[[tuple[str, str]], date | None]:
    numbers = month_names(speech.code)

    def read(said: tuple[str, str]) -> date | None:
        try:
            return date(2001, numbers[said[1].casefold()], int(said[0]))
        except ValueError:
            return None  # a number before a month's name that is no day of it

    return read


def _first(item: str) -> str:
    parts = sentences(item)
    keep = 2 if len(parts) > 1 and parts[0].startswith("**") and len(parts[0]) < 45 else 1
    return " ".join(parts[:keep])


def _spelling(what: str) -> re.Pattern[str]:
    """The words in any case, with or without a plural's ending."""
    stem = re.sub(r"(?<=\w{3})(?:es|en|s|n)$", "", what.strip())
    flexible = r"\s+".join(map(re.escape, stem.split()))
    return re.compile(rf"(?<!\w){flexible}(?:e?s|e?n)?(?!\w)", re.IGNORECASE)


def _cased(new: str, old: str) -> str:
    return new[0].upper() + new[1:] if old[:1].isupper() and new else new
