"""Reading a YAML mapping strictly: every problem is noted with its key path, none is raised.

A reader that notes a problem gives a harmless value back, so that one pass finds all problems.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TypeVar

from crew_runner.config import durations

E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Problem:
    """`at`: such as crews.plan.checkpoints[0].timeout."""

    at: str
    what: str

    def __str__(self) -> str:
        return f"{self.at}: {self.what}" if self.at else self.what


@dataclass(slots=True)
class Problems:
    found: list[Problem] = field(default_factory=list)

    def note(self, at: str, what: str) -> None:
        self.found.append(Problem(at, what))


class Entry:
    """A mapping of the file, and where it stands."""

    def __init__(self, value: object, at: str, problems: Problems) -> None:
        self.at = at
        self.problems = problems
        self._values: Mapping[object, object] = {}
        if isinstance(value, Mapping):
            self._values = value
        else:
            problems.note(at, f"has to be a mapping of keys to values, not {kind(value)}")

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def is_empty(self, key: str) -> bool:
        """Whether an empty list or mapping stands under the key."""
        return self._values.get(key) in ([], {})

    def keys(self) -> Iterator[str]:
        """Its keys; one that is no text is noted."""
        for key in self._values:
            if isinstance(key, str):
                yield key
            else:
                self.problems.note(self.at, f"the key {key!r} has to be a text: put it in quotes")

    def path(self, key: str) -> str:
        return f"{self.at}.{key}" if self.at else key

    def note(self, key: str, what: str) -> None:
        self.problems.note(self.path(key), what)

    def allow(self, known: Sequence[str]) -> None:
        """Note every key that is not one of `known`."""
        for key in self.keys():
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {near[0]!r}? " if near else ""
                self.note(key, f"is not a known key; {hint}Allowed here: {', '.join(known)}")

    def entry(self, key: str) -> Entry:
        return Entry(self._values.get(key), self.path(key), self.problems)

    def entries(self, key: str, allowed: str) -> list[Entry]:
        """A list of mappings; an absent one is empty."""
        return [
            Entry(value, f"{self.path(key)}[{index}]", self.problems)
            for index, value in enumerate(self._list(key, allowed))
        ]

    def text(self, key: str, *, needed: bool = False) -> str | None:
        value = self._values.get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if value is not None:
            self.note(key, f"has to be a text, not {kind(value)}")
        elif needed:
            self.note(key, "is missing: a text is needed")
        return None

    def texts(self, key: str, allowed: str) -> tuple[str, ...]:
        """A list of texts; numbers count as texts."""
        values = self._list(key, allowed)
        for index, value in enumerate(values):
            if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
                self.note(f"{key}[{index}]", f"has to be a text, not {kind(value)}")
        return tuple(str(value) for value in values)

    def text_map(self, key: str) -> dict[str, str]:
        if key not in self:
            return {}
        entry = self.entry(key)
        found = {}
        for name in entry.keys():  # noqa: SIM118 an Entry is no mapping
            value = entry._values[name]
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                entry.note(name, f"has to be a text, not {kind(value)}")
            else:
                found[name] = str(value)
        return found

    def flag(self, key: str) -> bool | None:
        value = self._values.get(key)
        if value is None or isinstance(value, bool):
            return value
        self.note(key, f"has to be true or false, not {kind(value)}")
        return None

    def count(self, key: str, *, least: int, most: int) -> int | None:
        value = self._values.get(key)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.note(key, f"{value!r} is not allowed: a whole number from {least} to {most} is needed")
        return None

    def amount(self, key: str) -> float | None:
        """A number above zero."""
        value = self._values.get(key)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf:
            return float(value)
        self.note(key, f"{value!r} is not allowed: a number above 0 is needed")
        return None

    def duration(self, key: str) -> timedelta | None:
        value = self._values.get(key)
        if value is None:
            return None
        span = durations.parse_duration(value) if isinstance(value, str) else None
        if span is None:
            self.note(key, f"{value!r} is not allowed: {durations.ALLOWED} is needed")
        return span

    def choice(self, key: str, choices: type[E]) -> E | None:
        value = self._values.get(key)
        if value is None:
            return None
        allowed = [str(choice) for choice in choices]
        if value in allowed:
            return choices(value)
        near = difflib.get_close_matches(str(value), allowed, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        self.note(key, f"{value!r} is not allowed: one of {', '.join(allowed)} is needed{hint}")
        return None

    def _list(self, key: str, allowed: str) -> Sequence[object]:
        value = self._values.get(key)
        if value is None:
            return []
        if isinstance(value, list):
            return value
        self.note(key, f"has to be a list of {allowed}, not {kind(value)}")
        return []


def kind(value: object) -> str:
    """What a value is, in YAML's words."""
    if value is None or value == "":
        return "nothing" if value is None else "an empty text"
    if isinstance(value, bool):
        return f"{str(value).lower()} (a yes or no)"
    if isinstance(value, str):
        return f"the text {value!r}"
    names = {int: "the number", float: "the number", list: "a list", dict: "a mapping"}
    name = names.get(type(value), f"a {type(value).__name__}")
    return f"{name} {value}" if isinstance(value, int | float) else name
