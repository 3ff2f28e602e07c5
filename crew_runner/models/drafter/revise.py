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

CHANGED: Final = "Changed on request"
_LESSONS: Final = "Lessons from earlier reviews"
_HEARD: Final = "Asked for in earlier reviews"
_OWN: Final = {CHANGED, _LESSONS, _HEARD}
"""Sections about the reviews themselves, which are never changed."""

_QUOTED: Final = re.compile(r"^\*\*“(.+)”\*\*$", re.MULTILINE)
_SENTENCE_END: Final = re.compile(r"(?<=[\w)”%][.!?])\s+(?=[A-Z“])")
_NAMED: Final = re.compile(r"(?:[-*+•]\s+|\d+[.)]\s+)?\*\*(.+?):?\*\*|\|\s*([^|]+?)\s*\|")
_MOST_ITEMS: Final = 3


def revised(before: Document, feedback: str, *, label: str, more: Sequence[Section]) -> Document:
    """`more`: sections that a longer text may have beyond those of the draft."""
    after, entry = _worked_in(before, feedback, more)
    if LABEL not in after.head:
        after = replace(after, head=labelled(after.head, label))
    older = [s.body for s in after.sections if s.heading == CHANGED]
    others = [s for s in after.sections if s.heading != CHANGED]
    changed = Section(CHANGED, "\n\n".join([entry, *older]))
    return replace(after, sections=(changed, *others))


def after_earlier_reviews(
    draft: Document, lessons: Sequence[str], context: str, *, more: Sequence[Section]
) -> Document:
    """A first draft that follows the lessons and the requests in the texts it builds on."""
    entries, open_wishes = list[str](), list[str]()
    for lesson in lessons:
        draft, entry = _worked_in(draft, lesson, more)
        entries.append(entry)
    for quote in _quotes(context):
        for wish in wishes.read(quote, document.render(draft)):
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
    changed = (s.body for s in document.parse(context).sections if s.heading == CHANGED)
    return [quote for body in changed for quote in reversed(_QUOTED.findall(body))]


def _worked_in(before: Document, feedback: str, more: Sequence[Section]) -> tuple[Document, str]:
    """The changed text, and the entry that quotes the feedback and says what was done."""
    requested = wishes.read(feedback, document.render(before))
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
            return _shortened(before, wish)
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


def _shortened(before: Document, wish: Shorter) -> tuple[Document, str]:
    parts = _sections_called(before, wish.part) if wish.part else []
    headings = {part.heading for part in parts}

    def cut(strictly: bool) -> Document:
        def change(section: Section) -> Section:
            meant = not headings or section.heading in headings
            return replace(section, body=_cut(section.body, strictly)) if meant else section

        return _changed(before, change)

    after = cut(strictly=False)
    if _words(after) > 0.85 * _words(before):
        after = cut(strictly=True)
    where = " in " + ", ".join(f"“{heading}”" for heading in headings) if headings else ""
    effect = f"Shortened from {_words(before)} to {_words(after)} words{where}."
    if after == before:
        effect = "This is as short as an offline draft can make it."
    if wish.part and not parts:
        effect += f" “{wish.part}”: {CANNOT}"
    return after, effect


def _cut(body: str, strictly: bool) -> str:
    """Each item and paragraph cut to its first sentence, and long lists to their first items."""
    kept = []
    for block in document.blocks(body):
        if block.startswith(("|", "```", "~~~", "    ")):
            kept.append(block)
        elif lines := document.items(block):
            count = min(len(lines), _MOST_ITEMS) - (strictly and len(lines) <= _MOST_ITEMS)
            kept.append("\n".join(map(_first_sentence, lines[: max(count, 1)])))
        else:
            kept.append(_first_sentence(block))
    return "\n\n".join(kept)


def _first_sentence(text: str) -> str:
    marker = re.match(r"\d+[.)]\s+", text)
    start = marker.end() if marker else 0
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
    """Remove the section of that name, and every line with that name."""
    gone = _sections_called(before, part)
    after = replace(before, sections=tuple(s for s in before.sections if s not in gone))
    name, lines = _key(part), 0

    def without_lines(section: Section) -> Section:
        nonlocal lines
        body, count = _without_lines(section.body, name)
        lines += count
        return replace(section, body=body)

    after = _changed(after, without_lines)
    after = replace(
        after, sections=tuple(s for s in after.sections if s.body or s in before.sections)
    )
    if not gone and not lines:
        return before, f"There is no part called “{part}” to leave out."
    effects = [f"the section “{section.heading}”" for section in gone]
    effects += [f"{lines} line{'s' * (lines > 1)} called “{part}”"] if lines else []
    mentioned = not gone and wishes.occurs(part, document.render(after))
    still = " The text still mentions it elsewhere; only a model can rewrite that."
    return after, f"Left out {' and '.join(effects)}.{still if mentioned else ''}"


def _without_lines(body: str, name: frozenset[str]) -> tuple[str, int]:
    kept, count = [], 0
    for block in document.blocks(body):
        head = block.splitlines()[:2] if block.startswith("|") else []
        lines = block.splitlines()[2:] if head else document.items(block) or [block]
        left = [line for line in lines if _key(_name(line)) != name]
        count += len(lines) - len(left)
        if left:
            kept.append("\n".join([*head, *left]))
    return (document.in_order("\n\n".join(kept)) if count else body), count


def _renamed(before: Document, wish: Rename) -> tuple[Document, str]:
    pattern, count = wishes.whole_words(wish.old), 0

    def new_name(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return wish.new[:1].upper() + wish.new[1:] if match[0][0].isupper() else wish.new

    def rename(text: str) -> str:
        return "\n".join(
            line if LABEL in line else pattern.sub(new_name, line) for line in text.split("\n")
        )

    after = _changed(
        replace(before, head=rename(before.head)),
        lambda s: replace(s, heading=rename(s.heading), body=rename(s.body)),
    )
    if not count:
        return before, f"“{wish.old}” does not occur in this text, so nothing was renamed."
    return after, f"“{wish.old}” is now “{wish.new}” in {count} place{'s' * (count > 1)}."


def _changed(before: Document, change: Callable[[Section], Section]) -> Document:
    """The document with its own sections changed, and those about the reviews as they were."""
    sections = (s if s.heading in _OWN else change(s) for s in before.sections)
    return replace(before, sections=tuple(sections))


def _words(text: Document) -> int:
    own = tuple(s for s in text.sections if s.heading not in _OWN)
    return document.word_count(replace(text, sections=own))


def _sections_called(text: Document, part: str) -> list[Section]:
    """The section that is meant: by its whole heading, else by words of only one heading."""
    name = _key(part)
    candidates = [s for s in text.sections if s.heading not in _OWN and name <= _key(s.heading)]
    exact = [s for s in candidates if name == _key(s.heading)]
    return exact or (candidates if name and len(candidates) == 1 else [])


def _name(line: str) -> str:
    match = _NAMED.match(line)
    return (match[1] or match[2]) if match else ""


def _key(name: str) -> frozenset[str]:
    """The significant words of a name, without plurals."""
    words = re.findall(r"\w+", name.lower())
    idle = {"the", "a", "an", "section", "part", "chapter", "paragraph", "table", "list", "for"}
    return frozenset(w.removesuffix("s") for w in words if w not in idle)
