"""Fills the slots of the shipped crew's templates from the request."""

from __future__ import annotations

import re
from typing import Final

_MONTH: Final = (
    "january|february|march|april|may|june|july|august|september|october|november|december"
)
_NUMBERS: Final = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_OPENING: Final = re.compile(
    r"(?:(?:please|hi|hello|hey|can you|could you|would you|let's|we need|i need|we want|i want|"
    r"we'd like|i'd like|help (?:me|us)|to|plan|create|make|write|draft|design|prepare|develop|"
    r"build|run|give (?:me|us))\b[\s,:]*)+",
    re.IGNORECASE,
)
_ARTICLE: Final = re.compile(r"(?:an?|the|some)\s+", re.IGNORECASE)
_END: Final = re.compile(
    r"[.;,:?!\n(]|\s(?:aimed at|aiming at|targeting|target (?:audience|group)|audience|with|budget|"
    r"start\w*|beginning|from|during|over|before|until|through|using|via|on|that|which|who|"
    r"so that|because|focus\w*|wants?|needs?|is|are|has|have|will|should|must|opens?|"
    rf"in (?:{_MONTH}|spring|summer|autumn|fall|winter|\d)|for (?:the|\d))(?!\w)",
    re.IGNORECASE,
)
_TOO_GENERAL: Final = re.compile(
    r"(?:content|social media|marketing|media|plan|campaign|strategy|calendar|posts|\s)+",
    re.IGNORECASE,
)
_AUDIENCE: Final = re.compile(
    r"\b(?:aim(?:ed|ing) at|targeting|(?:target )?audience(?: is|:)?|target group(?: is|:)?)\s+"
    r"([^.;,\n]+)",
    re.IGNORECASE,
)
_BUDGET: Final = re.compile(
    r"[€$£]\s?\d+(?:[.,]\d+)*k?"
    r"|(?<!\d)\d{1,12}(?:[.,]\d+)*k?\s?(?:[€$£]|euros?\b|dollars?\b|EUR\b|USD\b|GBP\b)",
    re.IGNORECASE,
)
_WEEKS: Final = re.compile(rf"\b(\d{{1,2}}|{'|'.join(_NUMBERS)})[\s-]weeks?\b", re.IGNORECASE)
_START: Final = re.compile(
    rf"\b(?:from|in|on|starting|starts?)\s+(?:in\s|on\s)?((?:\d{{1,2}}\.?\s)?(?:{_MONTH})"
    r"(?:\s\d{1,2})?)\b",
    re.IGNORECASE,
)
_SEASON: Final = re.compile(
    r"\b(spring|summer|autumn|fall|winter|christmas|easter|ramadan)\b", re.IGNORECASE
)

_CHANNELS: Final = {
    "Instagram": ("2 posts and 3 stories a week", "saves and replies"),
    "Newsletter": ("1 a week, at the same hour", "replies rather than openings"),
    "On site": ("a new sign every 2 weeks", "people who ask about it"),
    "TikTok": ("2 videos a week", "views to the end"),
    "YouTube": ("1 video every 2 weeks", "minutes watched"),
    "LinkedIn": ("2 posts a week", "comments from the trade"),
    "Podcast": ("1 episode every 2 weeks", "listeners to the end"),
}
"""The rhythm of each channel and its measure. The first three are the defaults."""

_PIECES: Final = (
    ("First questions", "Kick-off: “Five questions we hear every week”"),
    ("Behind the scenes", "“One morning at work, in six pictures”"),
    ("Real customers", "“Why I came, and why I came back”"),
    ("A small first step", "“What you can do in ten minutes”"),
    ("First questions", "“What it costs, and what you get for it”"),
    ("Behind the scenes", "“The mistake we made, and what we changed”"),
    ("Real customers", "“Your pictures, our thanks”"),
    ("A small first step", "“Three things to try before you decide”"),
)
_LAST: Final = ("What we learned", "Wrap-up: “What you told us, and what happens next”")
_LONGEST: Final = 12
"""The most weeks that a calendar shows."""

_LONGEST_NAME: Final = 8
"""The most words of a subject that is named in full in a sentence."""


def slots(request: str, background: str) -> dict[str, str]:
    """A text for every slot. A line of a template whose slot is empty is left out."""
    request = " ".join(request.split())
    title, campaign, name = _title(request)
    audience, season = _first(_AUDIENCE, request), _first(_SEASON, request)
    start, budget = _first(_START, request), _first(_BUDGET, request)
    weeks = _weeks(request)
    channels = _channels(request)
    rows = _calendar(weeks, channels)
    reader = audience or f"people who have heard of {name} but have not tried it yet"
    split = "half to promote the two best pieces, 30 % for pictures and editing, 20 % in reserve"
    return {
        "title": title,
        "campaign": campaign,
        "name": name,
        "audience": reader,
        "when": f"this {season or 'season'}",
        "weeks": str(weeks),
        "span": f"{weeks} weeks" + (f", starting {start}" if start else ""),
        "channels": ", ".join(channels),
        "channel": channels[0],
        "budget": f"{budget}: {split}" if budget else "none named; every piece works without one",
        "background": shortened(background, 220),
        "look": str(min(2, weeks)),
        "calendar": "\n".join(f"| {' | '.join(row)} |" for row in rows),
        "steps": "\n".join(f"{n}. **Week {n}:** {piece} ({where})" for n, _, piece, where in rows),
        "distribution": "\n".join(f"| {c} | {' | '.join(_CHANNELS[c])} |" for c in channels),
        "ask_start": "" if start else "Which Monday is the first day of week 1?",
        "ask_audience": "" if audience else f"I assumed {reader}. Is that right?",
        "ask_budget": ""
        if budget
        else "None was named. Is there money to promote the best pieces?",
    }


def shortened(text: str, most: int) -> str:
    """The text on one line, cut at a word."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[:most].rsplit(" ", 1)[0] + " …"


def _title(request: str) -> tuple[str, str, str]:
    """The plan's title, the campaign's name, and its subject."""
    text = _without(_OPENING, request)
    noun = _without(_ARTICLE, text)
    split = re.search(r"\s(for|of)\s", noun)
    before, after = (noun[: split.start()], noun[split.end() :]) if split else ("", noun)
    campaign, subject = _up_to_end(before), _up_to_end(after)
    if not campaign or _TOO_GENERAL.fullmatch(campaign):
        campaign, joined = "campaign", f"Campaign for {subject}"
    else:
        joined = f"{campaign} {split[1] if split else ''} {subject}"
    if not subject or _TOO_GENERAL.fullmatch(subject) or len(subject.split()) > _LONGEST_NAME:
        return capital(shortened(subject or campaign, 70)), "campaign", "our offer"
    if split:
        name = re.sub(r"^(?:an?|some)\s", "the ", subject, flags=re.IGNORECASE)
        return capital(joined), _small(campaign) if text == request else campaign, name
    if noun != text:
        return capital(subject), campaign, f"the {subject}"
    owned = re.match(r"(?:our|my)\s", subject, re.IGNORECASE)
    return capital(subject), campaign, _small(subject) if owned else "our offer"


def _up_to_end(text: str) -> str:
    return _END.split(f"{text} ", maxsplit=1)[0].strip()


def _without(opening: re.Pattern[str], text: str) -> str:
    match = opening.match(text)
    return text[match.end() :] if match else text


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[match.lastindex or 0].strip() if match else ""


def _weeks(request: str) -> int:
    text = _first(_WEEKS, request).lower()
    weeks = _NUMBERS.index(text) + 1 if text in _NUMBERS else int(text or 6)
    return min(max(weeks, 2), _LONGEST)


def _channels(request: str) -> list[str]:
    """The channels that the request names, filled up to three with the defaults."""
    named = [c for c in _CHANNELS if re.search(rf"\b{c}\b", request, re.IGNORECASE)]
    return [*named, *(c for c in _CHANNELS if c not in named)][: max(3, len(named))]


def _calendar(weeks: int, channels: list[str]) -> list[tuple[str, str, str, str]]:
    """Week, theme, piece and channel of each row."""
    pieces = [*(_PIECES * 2)[: weeks - 1], _LAST]
    return [
        (str(n), theme, piece, channels[(n - 1) % len(channels)])
        for n, (theme, piece) in enumerate(pieces, start=1)
    ]


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]
