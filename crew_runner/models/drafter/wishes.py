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

_POLITE: Final = (
    r"(?:please|kindly|also|just|hi|hello|could you|can you|would you|will you|"
    r"you should|we should|let's|i(?:'d| would) like(?: you)? to|i want(?: you)? to)"
)
_OPENS_A_WISH: Final = (
    rf"(?:{_POLITE}|make|keep|shorten|shorter|longer|expand|extend|leave|drop|remove|delete|omit|"
    r"cut|skip|take|rename|replace|call|change|swap|add|mention|include|write|use|put|move|give|"
    r"say|tell|explain|start|shift|focus|more|less|no|without|set|do|don't|never|trim|turn|ask)"
)
_HARD: Final = re.compile(r"[;\n]+|(?<=[.!?])\s+")
_SOFT: Final = re.compile(
    rf"(?:\s*,\s*(?:(?:and|then|but)\s+)?|\s+(?:and|then|but)\s+)(?={_OPENS_A_WISH}\b)", re.I
)
_BEFORE: Final = re.compile(rf"(?:(?:and|then|but|{_POLITE})\b[\s,]*)+", re.IGNORECASE)
_AFTER: Final = re.compile(r"[\s,]*\b(?:please|thanks|thank you)$", re.IGNORECASE)
_REFUSAL: Final = re.compile(r"(?:do not|don't|never)\b", re.IGNORECASE)
_PRAISE: Final = re.compile(
    r"(?:this |that |it )?(?:looks |is |seems )?(?:very |really |all )?"
    r"(?:good|great|nice|fine|ok|okay|perfect|lovely|well done)(?: work| job| start)?",
    re.IGNORECASE,
)
_SHORTER: Final = re.compile(
    r"(?<!not )(?<!no )\b(?:short(?:er|en)|briefer|more (?:concise|compact|brief)|too long|condense"
    r"|fewer words|less text|tighten|trim|cut (?:it|this|the text) (?:down|short))\b",
    re.IGNORECASE,
)
_LONGER: Final = re.compile(
    r"(?<!not )(?<!no )\b(?:longer|lengthen|expand|extend|too short|elaborate|flesh out|"
    r"more detail(?:s|ed)?)\b",
    re.IGNORECASE,
)
_WITHOUT_MEANING: Final = re.compile(
    r"\b(?:an?|and|the|it's|its|it|this|that|is|be|to|of|by|on|in|with|make|keep|write|text|plan|"
    r"draft|whole|everything|all|bit|little|lot|much|far|too|some|please|must|should|could|can|more|"
    r"even|somewhat|slightly|version|overall|section|part|i|we|want|need|like|give|me|us|"
    r"document|again)\b",
    re.IGNORECASE,
)
_LEAVE_OUT: Final = re.compile(
    r"(?:leave|drop|remove|delete|omit|cut|skip|take|get rid of|exclude|no|without|ditch)\s+"
    r"(?:out\s+)?(.+?)(?:\s+(?:out|away|altogether|completely|entirely))?",
    re.IGNORECASE,
)
_RENAME: Final = re.compile(
    r"(?:rename|replace|change|swap|substitute|turn)\s+(.+?)\s+(to|with|by|into|for|as)\s+(.+)",
    re.IGNORECASE,
)
_INSTEAD: Final = re.compile(r"(?:use|say|write|put)\s+(.+?)\s+instead of\s+(.+)", re.IGNORECASE)
_CALL: Final = re.compile(r"call\s+(.+)", re.IGNORECASE)
_LONGEST_NAME: Final = 8
_QUOTES: Final = "\"'“”„‘’«»`"


def read(feedback: str, text: str) -> list[Wish]:
    """The wishes in a feedback on `text`, in order."""
    clauses = (c for line in _HARD.split(feedback) for c in _SOFT.split(line))
    return [wish for clause in clauses if clause.strip() for wish in _wishes(clause, text)]


def _without_article(words: str) -> str:
    return re.sub(r"^(?:the|an?|our|any)\s+", "", words.strip(_QUOTES + " "), flags=re.I)


def _part(words: str) -> str:
    return re.sub(r"\s+(?:section|part|paragraph|bit)s?$", "", _without_article(words), flags=re.I)


def occurs(words: str, text: str) -> bool:
    return bool(whole_words(words).search(text))


def whole_words(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(words)}(?!\w)", re.IGNORECASE)


def _wishes(clause: str, text: str) -> list[Wish]:
    opening = _BEFORE.match(clause := clause.strip())
    phrase = _AFTER.sub("", clause[opening.end() if opening else 0 :].rstrip(".!? "))
    if not phrase or _PRAISE.fullmatch(phrase):
        return []
    possible = None if _REFUSAL.match(phrase) else _possible(phrase, text)
    return possible or [Other(phrase)]


def _possible(phrase: str, text: str) -> list[Wish] | None:
    if match := _SHORTER.search(phrase):
        return [Shorter(_rest(phrase, match))]
    if match := _LONGER.search(phrase):
        rest = _rest(phrase, match)
        return [Longer(), Other(rest)] if rest else [Longer()]
    if renamed := _renaming(phrase, text):
        return renamed
    if match := _LEAVE_OUT.fullmatch(phrase):
        parts = re.split(r"\s*,\s*(?:and\s+)?|\s+(?:and|or|&)\s+", match[1])
        return [LeaveOut(_part(part)) for part in parts if part.strip()]
    return None


def _rest(phrase: str, match: re.Match[str]) -> str:
    """The rest of a clause beyond the recognized wish."""
    words = _WITHOUT_MEANING.sub(" ", f"{phrase[: match.start()]} {phrase[match.end() :]}")
    return " ".join(words.split()).strip(" ,:")


def _renaming(phrase: str, text: str) -> list[Wish]:
    """`rename A to B and C to D` is two wishes."""
    if match := _RENAME.fullmatch(phrase):
        old, link = _without_article(match[1]), match[2]
        if phrase.lower().startswith(("change", "turn")) and not occurs(old, text):
            return []
        next_pair = rf",?\s+and\s+(?=\S+(?:\s\S+){{0,4}}\s{link}\s)"
        first, *more = re.split(next_pair, match[3])
        others = (rest.partition(f" {link} ") for rest in more)
        return [_rename(old, first), *(_rename(before, after) for before, _, after in others)]
    if match := _INSTEAD.fullmatch(phrase):
        return [_rename(match[2], match[1])]
    called = _called(match[1], text) if (match := _CALL.fullmatch(phrase)) else None
    return [called] if called else []


def _rename(old: str, new: str) -> Rename:
    both = re.match(r"the\s", old, re.I) and re.match(r"(?:the|an?)\s", new)
    return Rename(
        _without_article(old), _without_article(new) if both else new.strip(_QUOTES + " ")
    )


def _called(words: str, text: str) -> Rename | None:
    """`call X Y`: the most words that the text has are X."""
    parts = words.split()
    for count in range(min(len(parts) - 1, _LONGEST_NAME), 0, -1):
        old = _without_article(" ".join(parts[:count]))
        if old.lower() not in {"", "it", "this", "that"} and occurs(old, text):
            return _rename(old, " ".join(parts[count:]))
    return None
