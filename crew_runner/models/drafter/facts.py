"""What later tasks need to know of earlier ones, read from the texts in their context.

The texts are the approved ones, so that what a reviewer changed is carried on; where the context
holds something else than a draft of ours, the brief stands in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from crew_runner.models.drafter import markdown
from crew_runner.models.drafter import plan as plans
from crew_runner.models.drafter.brief import Brief
from crew_runner.models.drafter.markdown import Bullets, Paragraph, Table
from crew_runner.models.drafter.words import LANGUAGES, heading_anywhere, words

_BETWEEN = re.compile(r"\n+-{10}\n+")
_BOLD = re.compile(r"^\*\*(.+?)[.:]?\*\*[.:]?\s*(.*)$", re.DOTALL)
_VERDICT = re.compile(r"\*\*(no-go|go|caution)\*\*", re.IGNORECASE)
_SCORE = re.compile(r"\d{1,3}")


@dataclass(frozen=True, slots=True)
class Row:
    """One week of the calendar; `when` is its `week` as a sentence takes it."""

    week: str
    when: str
    theme: str
    piece: str
    channel: str


@dataclass(frozen=True, slots=True)
class Topic:
    name: str
    score: int


class Context:
    """The documents handed on, section by section."""

    def __init__(self, text: str, brief: Brief) -> None:
        self.brief = brief
        self._sections: dict[str, markdown.Section] = {}
        for document in (*map(markdown.parse, _BETWEEN.split(text)), plans.plan(brief)):
            for section in document.sections:
                if key := heading_anywhere(section.heading):
                    self._sections.setdefault(key, section)

    def items(self, key: str) -> tuple[str, ...]:
        """The bullets of a section."""
        blocks = self._sections[key].blocks if key in self._sections else ()
        return tuple(item for block in blocks if isinstance(block, Bullets) for item in block.items)

    def paragraphs(self, key: str) -> tuple[str, ...]:
        blocks = self._sections[key].blocks if key in self._sections else ()
        return tuple(block.text for block in blocks if isinstance(block, Paragraph))

    def rows(self, key: str) -> tuple[tuple[str, ...], ...]:
        blocks = self._sections[key].blocks if key in self._sections else ()
        return tuple(row for block in blocks if isinstance(block, Table) for row in block.rows)

    @property
    def calendar(self) -> tuple[Row, ...]:
        given = [row for row in self.rows("calendar") if len(row) >= 4]
        rows = given or plans.calendar(self.brief).rows
        return tuple(Row(*self._week(row[0]), row[1], _piece(row[2]), row[3]) for row in rows)

    @property
    def body(self) -> Row:
        """A week in the middle: neither the kick-off nor the wrap-up, where there is another."""
        rows = self.calendar
        return rows[min(2, max(0, len(rows) - 2))]

    @property
    def first_look(self) -> Row:
        """The week in which the figures are looked at for the first time."""
        rows = self.calendar
        return rows[min(2, len(rows) // 2)]

    @property
    def themes(self) -> tuple[str, ...]:
        return tuple(name for name, _ in map(bold, self.items("themes")) if name)

    @property
    def messages(self) -> tuple[str, ...]:
        return self.items("draft_messages") or self.items("messages")

    @property
    def call(self) -> str:
        lines = self.paragraphs("draft_messages") or self.paragraphs("messages")
        return next((line for line in lines if line.startswith("**")), "")

    @property
    def audience(self) -> str:
        """The audience as the overview names it: its third line, unless somebody moved it."""
        return self._overview("audience") or self.brief.audience

    @property
    def span(self) -> str:
        return self._overview("span") or plans.span(self.brief)

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(row[0] for row in self.rows("distribution") if row)

    @property
    def budget(self) -> str:
        return next((bold(p)[1] for p in self.paragraphs("distribution") if bold(p)[0]), "")

    @property
    def verdict(self) -> str:
        text = " ".join((*self.paragraphs("verdict"), *self.items("verdict")))
        match = _VERDICT.search(text)
        return match.group(1).lower() if match else "go"

    @property
    def topics(self) -> tuple[Topic, ...]:
        found = [
            Topic(row[0], int(match.group()))
            for row in self.rows("scores")
            if len(row) > 1 and (match := _SCORE.search(row[1]))
        ]
        return tuple(sorted(found, key=lambda topic: -topic.score))

    def _overview(self, key: str) -> str:
        lead = bold(self.brief.speech.text(f"plan.{key}", **{key: ""}))[0]
        lines = map(bold, self.items("overview"))
        return next((text for name, text in lines if name == lead), "")

    def _week(self, cell: str) -> tuple[str, str]:
        """`3 · 15 Jun` is spoken of by its date, a bare number as week 3."""
        speech = self.brief.speech
        number, _, day = (part.strip() for part in cell.partition("·"))
        if day:
            return day, speech.text("language.when_date", date=day)
        return speech.text("language.week", n=number), speech.text("language.when_week", n=number)


def bold(line: str) -> tuple[str, str]:
    """A line such as `**Name.** the rest` as name and rest; no name where none is bold."""
    match = _BOLD.match(line)
    return (match.group(1).strip(), match.group(2).strip()) if match else ("", line)


def _piece(cell: str) -> str:
    """A piece's working title, without the words that say kick-off."""
    for code in LANGUAGES:
        before, _, after = words(code).text("plan.kick_off", piece="\0").partition("\0")
        if cell.startswith(before) and cell.endswith(after):
            return cell.removeprefix(before).removesuffix(after)
    return cell
