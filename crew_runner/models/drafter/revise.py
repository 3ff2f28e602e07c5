"""Changes the earlier answer as the reviewer requested, and adds a section that says how."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, assert_never

from crew_runner.models.drafter import document, wishes
from crew_runner.models.drafter.brief import shortened
from crew_runner.models.drafter.document import Document, Section
from crew_runner.models.drafter.label import CANNOT, LABEL, labelled
from crew_runner.models.drafter.wishes import LeaveOut, Longer, Other, Rename, Shorter, Wish

_CHANGED: Final = "Changed on request"
_LESSONS: Final = "Lessons from earlier reviews"
_HEARD: Final = "Asked for in earlier reviews"
_OWN: Final = {_CHANGED, _LESSONS, _HEARD}
"""Sections about the reviews themselves, which are never changed."""

_QUOTED: Final = re.compile(r"^\*\*“(.+)”\*\*$", re.MULTILINE)
_SENTENCE_END: Final = re.compile(r"(?<=[\w)”%][.!?])\s+(?=[A-Z“])")
_MOST_ITEMS: Final = 3


def revised(before: Document, feedback: str, *, label: str, more: Sequence[Section]) -> Document:
    """`more`: sections that a longer text may have beyond those of the draft."""
    after, entry = _worked_in(before, feedback, more)
    if LABEL not in after.head:
        after = replace(after, head=labelled(after.head, label))
    older = [s.body for s in after.sections if s.heading == _CHANGED]
    others = [s for s in after.sections if s.heading != _CHANGED]
    changed = Section(_CHANGED, "\n\n".join([entry, *older]))
    return replace(after, sections=(changed, *others))


def after_earlier_reviews(
    draft: Document, lessons: Sequence[str], context: str, *, more: Sequence[Section]
) -> Document:
    """A first draft that follows the lessons and the requests in the texts it builds on."""
    entries, open_wishes = list[str](), list[str]()
    for lesson in lessons:
        draft, entry = _worked_in(draft, lesson, more)
        entries.append(entry)
    for wish in (wish for quote in _quotes(context) for wish in wishes.read(quote)):
        if isinstance(wish, Rename | LeaveOut):
            draft, _ = _done(draft, wish, more)
        elif isinstance(wish, Other):
            open_wishes.append(f"- “{shortened(wish.text, 120)}”")
    about = (
        Section(_LESSONS, "\n\n".join(entries)),
        Section(_HEARD, "\n".join(dict.fromkeys(open_wishes))),
    )
    return replace(draft, sections=(*draft.sections, *(s for s in about if s.body)))


def _quotes(context: str) -> list[str]:
    """The reviewers' requests in the texts of a context, the oldest of each text first."""
    changed = (s.body for s in document.parse(context).sections if s.heading == _CHANGED)
    return [quote for body in changed for quote in reversed(_QUOTED.findall(body))]


def _worked_in(before: Document, feedback: str, more: Sequence[Section]) -> tuple[Document, str]:
    """The changed text, and the entry that quotes the feedback and says what was done."""
    requested = wishes.read(feedback)
    after, effects = before, list[str]()
    for wish in requested:
        after, effect = _done(after, wish, more)
        effects.append(effect)
    if not requested or (len(requested) == 1 and isinstance(requested[0], Other)):
        effects = [CANNOT]
    done = "\n".join(f"- {effect}" for effect in dict.fromkeys(effects))
    return after, f"**“{shortened(feedback, 300)}”**\n\n{done}"


def _done(before: Document, wish: Wish, more: Sequence[Section]) -> tuple[Document, str]:
    match wish:
        case Shorter():
            return _shortened(before, wish.part)
        case Longer():
            return _lengthened(before, more)
        case LeaveOut():
            return _left_out(before, wish.part)
        case Rename():
            return _renamed(before, wish)
        case Other():
            return before, f"“{shortened(wish.text, 120)}”: {CANNOT}"
        case _:
            assert_never(wish)


def _shortened(before: Document, part: str) -> tuple[Document, str]:
    """Shorten the section of that name, or the whole text if there is none."""
    meant = _section_called(before, part) if part else None
    after = _changed(before, lambda s: replace(s, body=_cut(s.body)) if meant in {None, s} else s)
    where = f" in “{meant.heading}”" if meant else ""
    effect = f"Shortened from {_words(before)} to {_words(after)} words{where}."
    if after == before:
        effect = "This is as short as an offline draft can make it."
    if part and not meant:
        effect += f" “{part}”: {CANNOT}"
    return after, effect


def _cut(body: str) -> str:
    """Each item and paragraph cut to its first sentence, and lists to their first items."""
    kept = []
    for block in document.blocks(body):
        if block.startswith(("|", "```")):
            kept.append(block)
        elif lines := document.items(block):
            count = max(1, min(len(lines) - 1, _MOST_ITEMS))
            kept.append("\n".join(map(_first_sentence, lines[:count])))
        else:
            kept.append(_first_sentence(block))
    return "\n\n".join(kept)


def _first_sentence(text: str) -> str:
    number = re.match(r"\d+[.)]\s+", text)
    start = number.end() if number else 0
    return text[:start] + _SENTENCE_END.split(text[start:], maxsplit=1)[0]


def _lengthened(before: Document, more: Sequence[Section]) -> tuple[Document, str]:
    present = {section.heading for section in before.sections}
    new = tuple(section for section in more if section.heading not in present)
    if not new:
        return before, "This is as long as an offline draft can make it."
    after = replace(before, sections=(*before.sections, *new))
    names = ", ".join(f"“{section.heading}”" for section in new)
    return after, f"Extended from {_words(before)} to {_words(after)} words. New: {names}."


def _left_out(before: Document, part: str) -> tuple[Document, str]:
    meant = _section_called(before, part)
    if meant is None:
        return before, f"There is no section called “{part}” to leave out."
    after = replace(before, sections=tuple(s for s in before.sections if s is not meant))
    return after, f"Left out the section “{meant.heading}”."


def _renamed(before: Document, wish: Rename) -> tuple[Document, str]:
    pattern = re.compile(rf"(?<!\w){re.escape(wish.old)}(?!\w)", re.IGNORECASE)
    count = 0

    def new_name(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return wish.new[:1].upper() + wish.new[1:] if match[0][0].isupper() else wish.new

    def rename(section: Section) -> Section:
        heading, body = (pattern.sub(new_name, text) for text in (section.heading, section.body))
        return replace(section, heading=heading, body=body)

    head = [
        line if LABEL in line else pattern.sub(new_name, line) for line in before.head.split("\n")
    ]
    after = _changed(replace(before, head="\n".join(head)), rename)
    if not count:
        return before, f"“{wish.old}” does not occur in this text, so nothing was renamed."
    return after, f"“{wish.old}” is now “{wish.new}” in {count} place{'s' * (count > 1)}."


def _changed(before: Document, change: Callable[[Section], Section]) -> Document:
    """The document with its own sections changed, and those about the reviews as they were."""
    sections = (s if s.heading in _OWN else change(s) for s in before.sections)
    return replace(before, sections=tuple(sections))


def _words(text: Document) -> int:
    own = tuple(s for s in text.sections if s.heading not in _OWN)
    return len(re.findall(r"\w+", document.render(replace(text, sections=own))))


def _section_called(text: Document, part: str) -> Section | None:
    """The section with this heading, or the only one whose heading contains these words."""
    name = part.casefold()
    sections = [s for s in text.sections if s.heading not in _OWN]
    exact = [s for s in sections if s.heading.casefold() == name]
    close = [s for s in sections if re.search(rf"\b{re.escape(name)}\b", s.heading.casefold())]
    return exact[0] if exact else close[0] if len(close) == 1 else None
