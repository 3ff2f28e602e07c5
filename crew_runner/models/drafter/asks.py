"""What a reviewer asks for, in free words of any of the four languages."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from functools import cache

from crew_runner.models.drafter import amounts
from crew_runner.models.drafter.amounts import Money
from crew_runner.models.drafter.words import (
    LANGUAGES,
    channels_in,
    heading_anywhere,
    other_language,
    whole_words,
    words,
)


@dataclass(frozen=True, slots=True)
class Shorter:
    """`said` are the words that were taken for it."""

    section: str | None = None
    limit: int | None = None
    said: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Longer:
    section: str | None = None


@dataclass(frozen=True, slots=True)
class Add:
    """Take something up; `more` where it is there already and is to have more room."""

    what: str
    channels: tuple[str, ...] = ()
    section: str | None = None
    more: bool = False


@dataclass(frozen=True, slots=True)
class Remove:
    """Take something out; `partly` where less of it is wanted, not none."""

    what: str
    channels: tuple[str, ...] = ()
    section: str | None = None
    partly: bool = False


@dataclass(frozen=True, slots=True)
class Replace:
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Tone:
    key: str


@dataclass(frozen=True, slots=True)
class Speak:
    """Another language; `code` is None for one that cannot be written."""

    code: str | None
    said: str


@dataclass(frozen=True, slots=True)
class Budget:
    money: Money


@dataclass(frozen=True, slots=True)
class Shift:
    weeks: int
    """negative: earlier"""


@dataclass(frozen=True, slots=True)
class Start:
    on: date


@dataclass(frozen=True, slots=True)
class Span:
    """How many weeks the calendar covers, or with `by` how many it grows by."""

    weeks: int = 0
    by: int = 0


@dataclass(frozen=True, slots=True)
class Audience:
    who: str


@dataclass(frozen=True, slots=True)
class Note:
    """Anything else: it is worked in where it fits."""

    what: str
    section: str | None = None


Ask = (
    Shorter
    | Longer
    | Add
    | Remove
    | Replace
    | Tone
    | Speak
    | Budget
    | Shift
    | Start
    | Span
    | Audience
    | Note
)

_SAID_AT_ONCE = 9  # words; a longer clause says more than the ask it was read as
_OPPOSITES = {"formal": "warm", "warm": "formal", "playful": "calm", "bold": "calm"}


def read(feedback: str) -> tuple[Ask, ...]:
    """Every ask in a feedback, in its order; words that fit no kind become a Note."""
    clauses = [c for part in _clauses(feedback) for c in _unpacked(part) if not _is_praise(c)]
    return tuple(ask for clause in clauses for ask in (_ask(clause), *_left_over(clause)))


def _is_praise(clause: str) -> bool:
    return bool(re.fullmatch(rf"(?:{_any('asks.praise')})", clause, re.IGNORECASE))


def _unpacked(clause: str) -> list[str]:
    """`add TikTok, have it checked` is two clauses; `add TikTok, Facebook` is one."""
    first, *rest = clause.split(",")
    ask = _ask(first)
    if not rest or not isinstance(ask, Add | Remove) or not ask.channels:
        return [clause]
    named = [first, *(part for part in rest if channels_in(part))]
    return [",".join(named), *(p.strip() for p in rest if p.strip() and not channels_in(p))]


def _left_over(clause: str) -> list[Ask]:
    """What a clause says beyond the ask that it was read as, so that nothing of it is lost."""
    match _ask(clause):
        case Add() | Remove() | Replace() | Audience() | Note():
            return []
        case _:
            return [_note(clause)] if len(clause.split()) > _SAID_AT_ONCE else []


def _clauses(feedback: str) -> list[str]:
    """Sentences, and parts of sentences where a new ask begins after a comma or an `and`."""
    names = "|".join(n for code in LANGUAGES for n in words(code).lines("language.names"))
    kinds = ("shorter", "longer", "add", "more", "remove", "less", "start", "later", "earlier")
    begins = "|".join(
        (
            *(_any(f"asks.{kind}") for kind in (*kinds, "audience")),
            _any("reading.budget"),
            rf"(?:{_any('asks.language')})\s+(?:{names})",
        )
    )
    joint = rf"(?:,\s*(?:(?:{_any('asks.split')})\s+)?|\s+(?:{_any('asks.split')})\s+)"
    small = rf"(?:(?:{_any('asks.fillers')}|{_any('asks.with')})\s+)*"
    verbs = f"{_any('asks.add_last')}|{_any('asks.remove_last')}"
    parts = re.split(r"(?<=\w[\w)\"”])[.!?;](?=\s|$)|;|\n+", feedback)
    again = [
        piece
        for part in parts
        for half in re.sub(rf"(?<=\s)({verbs}){joint}", r"\1\n", part, flags=re.I).split("\n")
        for piece in re.split(rf"{joint}(?={small}(?:{begins})(?!\w))", half, flags=re.IGNORECASE)
    ]
    return [c for piece in again if (c := piece.strip(" ,.;!?-–\t"))]


def _ask(clause: str) -> Ask:
    readers = (
        _language,
        _budget,
        _length,
        _tone,
        _replace,
        _time,
        _audience,
        _remove,
        _add,
    )
    return next((ask for read_ in readers if (ask := read_(clause))), _note(clause))


def _language(clause: str) -> Ask | None:
    into = _any("asks.language")
    for code in LANGUAGES:
        names = "|".join(sorted(words(code).lines("language.names"), key=len, reverse=True))
        spelt = "|".join(n for n in names.split("|") if len(n) > 2)
        if re.search(rf"(?<!\w)(?:{into})\s+(?:{spelt})(?![\w-])", clause, re.IGNORECASE) or (
            re.fullmatch(rf"(?:{spelt})", bare(clause), re.IGNORECASE)
        ):
            return Speak(code, words(code).text("language.name"))
    named = other_language(clause)
    if named and re.search(rf"(?<!\w)(?:{into})\s+{named}(?![\w-])", clause, re.IGNORECASE):
        return Speak(None, named)
    return None


def _budget(clause: str) -> Ask | None:
    money = amounts.money(clause)
    return Budget(money) if money and _has("reading.budget", clause) else None


def _replace(clause: str) -> Ask | None:
    for code in LANGUAGES:
        pattern = words(code).text("asks.replace")
        if match := re.fullmatch(
            rf"(?:\W*(?:{_any('asks.fillers')})\s+)*(?:{pattern})", clause, re.I
        ):
            said = {name[:3]: bare(_quoted(t)) for name, t in match.groupdict().items() if t}
            old, new = said.get("old"), said.get("new")
            if old and new and not amounts.day(new, code):
                return Replace(old, new)
    return None


def _time(clause: str) -> Ask | None:
    when = next((d for code in LANGUAGES if (d := amounts.day(clause, code))), None)
    if when and _has("asks.start", clause):
        return Start(when)
    span = amounts.weeks(clause)
    if _has("asks.earlier", clause):
        return Shift(-(span or 1))
    if _has("asks.later", clause):
        return Shift(span or 1)
    if span and _has("asks.more_weeks", clause):
        return Span(by=span)
    if span and _has("asks.less", clause):
        return Span(by=-span)
    return Span(span) if span else None


def _length(clause: str) -> Ask | None:
    for kind, make in (("shorter", Shorter), ("longer", Longer)):
        match = whole_words(_any(f"asks.{kind}")).search(clause)
        if match is None:
            continue
        rest = bare(f"{clause[: match.start()]} {clause[match.end() :]}")
        section = section_named(rest)
        limit = re.search(r"(\d{2,4})\s+\w+", rest)
        if make is Shorter and limit:
            return Shorter(limit=int(limit.group(1)), said=clause)
        if not rest or section:
            return Longer(section) if make is Longer else Shorter(section, said=clause)
    return None


def _tone(clause: str) -> Ask | None:
    for code in LANGUAGES:
        for key in words(code).keys("tones"):
            match = whole_words(words(code).text(f"tones.{key}.match")).search(clause)
            if match is None:
                continue
            rest = bare(f"{clause[: match.start()]} {clause[match.end() :]}")
            said = _has("asks.tone", clause) or section_named(rest) == "messages"
            if said or len(rest.split()) <= 1:
                less = whole_words(f"{_any('asks.less')}|{_any('asks.too')}").search(
                    clause[: match.start()]
                )
                return Tone(_OPPOSITES.get(key, key) if less else key)
    return None


def _audience(clause: str) -> Ask | None:
    pattern = rf"(?<!\w)(?:{_any('asks.audience')})\s+(?P<who>.+)$"
    match = re.search(pattern, clause, re.IGNORECASE)
    return Audience(bare(match["who"])) if match and bare(match["who"]) else None


def _remove(clause: str) -> Ask | None:
    for kind in ("remove", "less"):
        if what := _after(f"asks.{kind}", clause):
            section = section_named(what, exactly=True)
            return Remove(what, channels_in(what), section, partly=kind == "less")
    return None


def _add(clause: str) -> Ask | None:
    for kind in ("more", "add"):
        if what := _after(f"asks.{kind}", clause):
            section = section_named(clause)
            return Add(_subject_of(what), channels_in(what), section, more=kind == "more")
    return None


def add(what: str) -> Add:
    """The ask to take something up."""
    return Add(what, channels_in(what))


def _note(clause: str) -> Note:
    leading = rf"^(?:\W*(?:{_any('asks.fillers')})(?!\w)\s*)+"
    return Note(re.sub(leading, "", clause, flags=re.IGNORECASE) or clause, section_named(clause))


def section_named(text: str, *, exactly: bool = False) -> str | None:
    """The section that a text names by its heading or, unless `exactly`, by what belongs there."""
    if key := heading_anywhere(text, beginning=True):
        return key
    if exactly:
        return None
    for code in LANGUAGES:
        for key in words(code).keys("fit"):
            if whole_words(rf"(?:{words(code).text(f'fit.{key}')})\w*").search(text):
                return key
    return None


def bare(text: str) -> str:
    """The text without the small words that carry no wish, at its ends."""
    filler = rf"(?:{_any('asks.fillers')})(?!\w)"
    trimmed = text.strip(" ,.;:!?\"'“”„«»")
    for _ in range(8):
        shorter = re.sub(rf"^\W*{filler}\s*", "", trimmed, flags=re.IGNORECASE)
        shorter = re.sub(rf"(?:^|\s+){filler}\W*$", "", shorter, flags=re.IGNORECASE)
        if shorter == trimmed:
            break
        trimmed = shorter
    return trimmed.strip(" ,.;:!?")


def _after(path: str, clause: str) -> str:
    """What a clause asks for: the words after an asking word, or before one that comes last."""
    fillers = rf"(?:\W*(?:{_any('asks.fillers')}|{_any('asks.with')})(?!\w)\s*)*"
    first = rf"{fillers}(?:{_any(path)})(?!\w)\s*(?P<what>.+)$"
    if match := re.match(first, clause, re.IGNORECASE):
        return _without_about(bare(_quoted(match["what"])))
    if path in {"asks.add", "asks.remove"} and (verbs := _any(f"{path}_last")):
        last = rf"(?P<what>.+?)\s+(?:{verbs})\W*$"
        if match := re.match(last, clause, re.IGNORECASE):
            return bare(_quoted(match["what"]))
    return ""


def _without_about(what: str) -> str:
    return re.sub(rf"^(?:{_any('asks.about')})\s+", "", what, flags=re.IGNORECASE)


def _subject_of(what: str) -> str:
    """`a post about helmets to the calendar` is about helmets."""
    about = re.search(rf"(?<!\w)(?:{_any('asks.about')})\s+(.+)$", what, re.IGNORECASE)
    place = rf"\s+(?:{_any('asks.into')})\s+.*$"
    told = re.sub(place, "", what, flags=re.IGNORECASE)
    unit = whole_words(_any("asks.unit"))
    if about and (section_named(what[: about.start()]) or unit.search(what[: about.start()])):
        told = re.sub(place, "", about.group(1), flags=re.IGNORECASE)
    articles = "|".join(words(code).text("reading.articles") for code in LANGUAGES)
    named = re.sub(rf"^(?:{articles})\s+", "", bare(told) or what, flags=re.IGNORECASE)
    return named or what


def _quoted(text: str) -> str:
    match = re.fullmatch(r"\s*[\"'“„«](.+)[\"'”“»]\s*", text)
    return match.group(1) if match else text.strip()


def _has(path: str, text: str) -> bool:
    return bool(whole_words(_any(path)).search(text))


@cache
def _any(path: str) -> str:
    """The alternatives of a pattern in all languages."""
    return "|".join(p for code in LANGUAGES if (p := words(code).text(path)))
