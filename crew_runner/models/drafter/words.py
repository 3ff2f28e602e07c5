"""The drafter's vocabulary: one pair of TOML files for each language it writes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

LANGUAGES: Final = ("en", "de", "es", "id")
LABEL: Final = "offline draft, no model"

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Theme:
    name: str
    why: str
    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trend:
    topic: str
    score: int
    direction: int
    """1 rising, 0 steady, -1 fading"""


@dataclass(frozen=True, slots=True)
class Sector:
    """What is known of a line of business, in one language."""

    key: str
    texts: Mapping[str, str]
    themes: tuple[Theme, ...]
    messages: tuple[str, ...]
    trends: tuple[Trend, ...]
    channels: tuple[str, ...]
    goal: tuple[int, int]
    risk_level: str


class Words:
    """Everything that one language has to say. A missing key is a KeyError, never a gap."""

    def __init__(self, code: str) -> None:
        self.code = code
        self._texts = _load(f"words/{code}.toml")
        self._subjects = _load(f"subjects/{code}.toml")

    def text(self, path: str, **facts: object) -> str:
        """The text at `section.key`, its placeholders filled from `facts`."""
        return str(self._at(path)).format_map(facts)

    def lines(self, path: str, **facts: object) -> tuple[str, ...]:
        return tuple(str(line).format_map(facts) for line in self._at(path))

    def rows(self, path: str, **facts: object) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(str(c).format_map(facts) for c in row) for row in self._at(path))

    def keys(self, section: str) -> tuple[str, ...]:
        return tuple(self._at(section))

    def sector(self, key: str) -> Sector:
        raw, facts = self._subjects[key], _facts()["sectors"][key]
        return Sector(
            key=key,
            texts={name: text for name, text in raw.items() if isinstance(text, str)},
            themes=tuple(Theme(t["name"], t["why"], tuple(t["pieces"])) for t in raw["themes"]),
            messages=tuple(raw["messages"]),
            trends=tuple(
                Trend(topic, score, direction)
                for topic, (score, direction) in zip(raw["trends"], facts["trends"], strict=True)
            ),
            channels=tuple(facts["channels"]),
            goal=(facts["goal"][0], facts["goal"][1]),
            risk_level=facts["risk"],
        )

    def subject(self, table: str, key: str, field: str = "name") -> str:
        """One field of a row of `occasions`, `channels`, `people`, or a sector."""
        return str(self._subjects[table][key][field])

    def noun(self, key: str) -> str:
        """A kind of subject as it stands after `for`, with its article."""
        return str(self._subjects["nouns"][key]).split("|", maxsplit=1)[0]

    def find(self, table: str, text: str) -> str | None:
        """The key of the row whose words come first in the text; `sectors` are a table too."""
        found: tuple[int, int, str] | None = None
        for key, pattern in _matchers(self.code, table):
            if match := pattern.search(text):
                place = (match.start(), -len(match.group()), key)
                found = min(found, place) if found else place
        return found[2] if found else None

    def word(self, strength: str, text: str) -> str | None:
        """A word of the text that draws objections: `mild` or `strong`."""
        match = whole_words(str(self._subjects["words"][strength])).search(text)
        return match.group() if match else None

    def heading_key(self, heading: str, *, beginning: bool = False) -> str | None:
        """The key of a heading; with `beginning` its first words are enough."""
        known, said = _headings(self.code), fold(heading)
        if said in known or not beginning or len(said) < 5:
            return known.get(said)
        return next((key for text, key in known.items() if text.startswith(f"{said} ")), None)

    def _at(self, path: str) -> Any:
        found: Any = self._texts
        for part in path.split("."):
            found = found[part]
        return found


@cache
def words(code: str) -> Words:
    return Words(code)


def occasion_facts(key: str) -> Mapping[str, Any]:
    """`start` (month, day) where the calendar gives one, `weeks`, `score`."""
    facts: Mapping[str, Any] = _facts()["occasions"].get(key, {})
    return facts


def channels_in(text: str) -> tuple[str, ...]:
    """Channels that the text names, in the order it names them."""
    places = {
        key: match.start()
        for key, pattern in _facts()["channels"].items()
        if (match := whole_words(pattern).search(text))
    }
    return tuple(sorted(places, key=lambda key: places[key]))


def channels_for(people: str | None) -> tuple[str, ...]:
    """Where a kind of people is met first, if that is known."""
    return tuple(_facts()["meeting_places"].get(people, ()))


def other_language(text: str) -> str | None:
    """A language named in the text that the drafter does not write."""
    match = whole_words(_facts()["languages"]["other"]).search(text)
    return match.group() if match else None


def find_anywhere(table: str, text: str, *, first: str) -> str | None:
    """As `Words.find`, in the language `first` and then in each of the others."""
    order = (first, *(code for code in LANGUAGES if code != first))
    return next((key for code in order if (key := words(code).find(table, text))), None)


def heading_anywhere(heading: str, *, beginning: bool = False) -> str | None:
    keys = (words(code).heading_key(heading, beginning=beginning) for code in LANGUAGES)
    return next((key for key in keys if key), None)


@cache
def whole_words(pattern: str) -> re.Pattern[str]:
    """The alternatives of a pattern as whole words, upper and lower case alike."""
    return re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE)


def fold(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text).strip().casefold()


@cache
def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((_HERE / name).read_text(encoding="utf-8"))


def _facts() -> dict[str, Any]:
    return _load("subjects/facts.toml")


@cache
def _headings(code: str) -> dict[str, str]:
    return {fold(text): key for key, text in _load(f"words/{code}.toml")["headings"].items()}


@cache
def _matchers(code: str, table: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    subjects = _load(f"subjects/{code}.toml")
    rows: dict[str, Any] = (
        {key: subjects[key] for key in _facts()["sectors"]}
        if table == "sectors"
        else subjects[table]
    )
    patterns = {key: row if isinstance(row, str) else row["match"] for key, row in rows.items()}
    if table == "nouns":
        patterns = {key: "|".join(_without_article(p, code)) for key, p in patterns.items()}
    return tuple((key, whole_words(p)) for key, p in patterns.items() if p)


def _without_article(phrases: str, code: str) -> list[str]:
    article = re.compile(
        rf"^(?:{_load(f'words/{code}.toml')['reading']['articles']})\s+", re.IGNORECASE
    )
    return [article.sub("", phrase) for phrase in phrases.split("|")]
