"""Parses a reviewer's requests, as far as a draft without a model can follow them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Shorter:
    """`part`: the section meant, or empty for the whole text."""

    part: str = ""


@dataclass(frozen=True, slots=True)
class Longer:
    pass


@dataclass(frozen=True, slots=True)
class LeaveOut:
    part: str


@dataclass(frozen=True, slots=True)
class Rename:
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Other:
    """A request that needs a model."""

    text: str


Wish = Shorter | Longer | LeaveOut | Rename | Other

_OPENS_A_WISH: Final = (
    r"(?:please|make|shorten|shorter|longer|extend|expand|leave|drop|cut|remove|delete|omit|skip|"
    r"rename|replace|change|add|mention|write|use|more|less|no|without|don't|never)"
)
_CLAUSE_END: Final = re.compile(
    r"[;\n]+|(?<=[.!?])\s+"
    rf"|(?:\s*,\s*(?:(?:and|then|but)\s+)?|\s+(?:and|then|but)\s+)(?={_OPENS_A_WISH}\b)",
    re.IGNORECASE,
)
_POLITE: Final = re.compile(r"(?:(?:please|just|also|could you|can you)\b[\s,]*)+", re.IGNORECASE)
_THANKS: Final = re.compile(r"[\s,]*\b(?:please|thanks|thank you)$", re.IGNORECASE)
_PRAISE: Final = re.compile(r"(?:looks )?(?:good|great|nice|perfect)", re.IGNORECASE)
_REFUSAL: Final = re.compile(r"\b(?:do not|don't|never|not) ", re.IGNORECASE)
_SHORTER: Final = re.compile(r"\b(?:short(?:er|en)|more concise|too long)\b", re.IGNORECASE)
_LONGER: Final = re.compile(r"\b(?:longer|extend|expand|too short|more details?)\b", re.IGNORECASE)
_WITHOUT_MEANING: Final = re.compile(
    r"\b(?:an?|and|the|it's|it|this|is|be|should|must|make|text|plan|draft|whole|bit|little|much|"
    r"with|section)\b",
    re.IGNORECASE,
)
_LEAVE_OUT: Final = re.compile(
    r"(?:leave|drop|cut|remove|delete|omit|skip|no|without)\s+(?:out\s+)?(.+?)(?:\s+out)?",
    re.IGNORECASE,
)
_RENAME: Final = re.compile(
    r"(?:rename|replace)\s+(?P<old>.+?)\s+(?:to|with|by)\s+(?P<new>.+)", re.IGNORECASE
)
_QUOTES: Final = "\"'“”„‘’«»` "


def read(feedback: str) -> list[Wish]:
    """The wishes in a feedback, in order."""
    return [wish for clause in _CLAUSE_END.split(feedback) for wish in _wishes(clause)]


def _wishes(clause: str) -> list[Wish]:
    phrase = _THANKS.sub("", clause.strip(" .!?,"))
    if opening := _POLITE.match(phrase):
        phrase = phrase[opening.end() :]
    if not phrase or _PRAISE.fullmatch(phrase):
        return []
    if match := _LEAVE_OUT.fullmatch(phrase):
        parts = re.split(r"\s*,\s*(?:and\s+)?|\s+(?:and|or)\s+", match[1])
        return [LeaveOut(_name(part)) for part in parts]
    if match := _RENAME.fullmatch(phrase):
        return [Rename(_name(match["old"]), match["new"].strip(_QUOTES))]
    return _length(phrase) or [Other(phrase)]


def _length(phrase: str) -> list[Wish]:
    """The wish for another length, if that is what the phrase asks for."""
    if _REFUSAL.search(phrase):
        return []
    if match := _SHORTER.search(phrase):
        return [Shorter(_rest(phrase, match))]
    if match := _LONGER.search(phrase):
        rest = _rest(phrase, match)
        return [Longer(), Other(rest)] if rest else [Longer()]
    return []


def _rest(phrase: str, match: re.Match[str]) -> str:
    """The rest of a clause beyond the recognized wish."""
    words = _WITHOUT_MEANING.sub(" ", f"{phrase[: match.start()]} {phrase[match.end() :]}")
    return " ".join(words.split()).strip(" ,")


def _name(words: str) -> str:
    """The name of a part without its article, quotes and the word `section`."""
    words = re.sub(r"^(?:the|an?|our|any)\s+", "", words.strip(_QUOTES), flags=re.IGNORECASE)
    return re.sub(r"\s+sections?$", "", words, flags=re.IGNORECASE).strip(_QUOTES)
