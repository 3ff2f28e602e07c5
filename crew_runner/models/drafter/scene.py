"""Where a change takes place: the conversation, the language, and the sections to change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from crew_runner.models.drafter import edits
from crew_runner.models.drafter.brief import Brief, read
from crew_runner.models.drafter.conversation import Conversation, Deliverable
from crew_runner.models.drafter.markdown import Bullets, Document, Section, Table
from crew_runner.models.drafter.words import Words, heading_anywhere

_HOME: Final = {
    Deliverable.PLAN: "themes",
    Deliverable.SENTIMENT: "mitigation",
    Deliverable.TRENDS: "lean",
    Deliverable.DRAFT: "decisions",
    Deliverable.FINAL: "steps",
    None: "work",
}
_SAID: Final = ("messages", "draft_messages", "say")
_TWINS: Final = {
    "messages": _SAID,
    "guards": ("guards", "avoid", *_SAID),
    "risks": ("risks", "guards", "avoid", *_SAID),
    "mitigation": ("mitigation", "guards", "avoid", *_SAID),
    "timing": ("timing", "calendar", "steps"),
    "calendar": ("calendar", "timing", "steps"),
    "talent": ("talent", "priorities"),
    "objectives": ("objectives", "measures", "watch"),
    "distribution": ("distribution", "priorities"),
}

Cells = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """A changed document, and in words what was done."""

    document: Document
    effect: str


@dataclass(frozen=True, slots=True)
class Scene:
    conversation: Conversation
    speech: Words

    @property
    def heading(self) -> str:
        """The heading of the list of changes, which no change touches."""
        return self.speech.text("headings.changed")

    def say(self, key: str, **facts: object) -> str:
        return self.speech.text(f"changed.{key}", **facts)

    def quote(self, text: str) -> str:
        return self.speech.text("language.quote", text=text)

    def channel(self, key: str) -> str:
        return self.speech.subject("channels", key)

    def brief(self) -> Brief:
        said = self.conversation
        return read(said.request or said.task, said.background, language=self.speech.code)

    def target(self, document: Document, key: str | None) -> Section:
        """The named section if the document has it, else the one for everything, else the last."""
        wanted = (*_TWINS.get(key or "", (key,)), _HOME[self.conversation.deliverable])
        for name in wanted:
            if name and (section := edits.section_of(document, name)):
                return section
        others = [s for s in document.sections if heading_anywhere(s.heading) != "changed"]
        return others[-1] if others else Section(self.speech.text("headings.work"), ())


def each_row(document: Document, change: Callable[[int, Cells], Cells]) -> Document:
    """The calendar's rows, each changed; the first one is number 0."""
    calendar = edits.section_of(document, "calendar")
    for block in calendar.blocks if calendar else ():
        if calendar and isinstance(block, Table):
            rows = tuple(change(n, row) for n, row in enumerate(block.rows))
            document = with_table(document, calendar, block, rows)
    return document


def first_table(document: Document, key: str) -> tuple[Section, Table] | None:
    section = edits.section_of(document, key)
    blocks = section.blocks if section else ()
    table = next((block for block in blocks if isinstance(block, Table)), None)
    return (section, table) if section and table and table.rows else None


def with_table(
    document: Document, section: Section, old: Table, rows: tuple[Cells, ...]
) -> Document:
    blocks = tuple(replace(old, rows=rows) if b == old else b for b in section.blocks)
    return document.with_section(replace(section, blocks=blocks))


def without_items(section: Section, unwanted: Callable[[str], bool]) -> Section:
    """The section without some of its list items; a list that is emptied falls away."""
    blocks = tuple(
        replace(b, items=tuple(i for i in b.items if not unwanted(i)))
        if isinstance(b, Bullets)
        else b
        for b in section.blocks
    )
    return replace(
        section, blocks=tuple(b for b in blocks if not isinstance(b, Bullets) or b.items)
    )


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]
