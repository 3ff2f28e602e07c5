"""Fills the slots of the shipped crew's templates from the request."""

from __future__ import annotations

import re
from typing import Final

_OPENING: Final = re.compile(
    r"^(?:(?:please|can you|could you|we need|i need|we want|i want|to|plan|create|make|write|"
    r"draft|prepare)\b[\s,:]*)+",
    re.IGNORECASE,
)
_ARTICLE: Final = re.compile(r"^(?:an?|the|some)\s+", re.IGNORECASE)
_END: Final = re.compile(
    r"[.;,:?!\n(]|\s(?:aimed at|targeting|with|budget|starting|from|during|over|until|on|in|that|"
    r"which|who|because|wants?|needs?|is|are|has|have|opens?)(?!\w)",
    re.IGNORECASE,
)
_TOO_GENERAL: Final = re.compile(
    r"(?:content|social media|marketing|plan|campaign|strategy|calendar|posts|\s)*", re.IGNORECASE
)
_AUDIENCE: Final = re.compile(
    r"\b(?:aimed at|targeting|audience(?: is|:)?)\s+([^.;,\n]+)", re.IGNORECASE
)
_BUDGET: Final = re.compile(
    r"([€$£]\s?\d+(?:[.,]\d+)*k?|\b\d{1,12}(?:[.,]\d+)*k?\s?(?:[€$£]|(?:euros?|dollars?)\b))",
    re.IGNORECASE,
)
_WEEKS: Final = re.compile(r"\b(\d{1,2})[\s-]weeks?\b", re.IGNORECASE)

_CHANNELS: Final = {
    "Instagram": ("2 posts and 3 stories a week", "saves and replies"),
    "Newsletter": ("1 a week, at the same hour", "replies rather than openings"),
    "On site": ("a new sign every 2 weeks", "people who ask about it"),
    "TikTok": ("2 videos a week", "views to the end"),
    "YouTube": ("1 video every 2 weeks", "minutes watched"),
    "LinkedIn": ("2 posts a week", "comments from the trade"),
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
)
_LAST: Final = ("What we learned", "Wrap-up: “What you told us, and what happens next”")
_LONGEST_NAME: Final = 8
"""The most words of a subject that is named in full in a sentence."""


def slots(request: str, background: str) -> dict[str, str]:
    """A text for every slot. A line of a template whose slot is empty is left out."""
    request = " ".join(request.split())
    title, campaign, name = _title(request)
    audience = _first(_AUDIENCE, request)
    budget = _first(_BUDGET, request)
    weeks = min(max(int(_first(_WEEKS, request) or 6), 2), len(_PIECES) + 1)
    channels = _channels(request)
    calendar = [
        (f"{n}", theme, piece, channels[(n - 1) % len(channels)])
        for n, (theme, piece) in enumerate([*_PIECES[: weeks - 1], _LAST], start=1)
    ]
    split = "half to promote the two best pieces, 30 % for pictures and editing, 20 % in reserve"
    return {
        "title": title,
        "campaign": campaign,
        "name": name,
        "audience": audience or f"people who have heard of {name} but have not tried it yet",
        "weeks": str(weeks),
        "channels": ", ".join(channels),
        "channel": channels[0],
        "budget": f"{budget}: {split}" if budget else "none named; every piece works without one",
        "background": shortened(background, 220),
        "calendar": "\n".join(f"| {' | '.join(row)} |" for row in calendar),
        "distribution": "\n".join(f"| {c} | {' | '.join(_CHANNELS[c])} |" for c in channels),
    }


def shortened(text: str, most: int) -> str:
    """The text on one line, cut at a word."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[:most].rsplit(" ", 1)[0] + " …"


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _title(request: str) -> tuple[str, str, str]:
    """The plan's title, the campaign's name, and its subject."""
    text = _END.split(_OPENING.sub("", request), maxsplit=1)[0].strip()
    noun = _ARTICLE.sub("", text)
    link = re.search(r"\s(?:for|of)\s", noun)
    campaign, subject = (noun[: link.start()], noun[link.end() :]) if link else ("", noun)
    if _TOO_GENERAL.fullmatch(subject) or len(subject.split()) > _LONGEST_NAME:
        return capital(shortened(noun or request, 70)), "campaign", "our offer"
    name = re.sub(r"^(?:an?|some)\s", "the ", subject, flags=re.IGNORECASE)
    if link is None:
        return capital(noun), "campaign", f"the {noun}" if noun != text else "our offer"
    if _TOO_GENERAL.fullmatch(campaign):
        return f"Campaign for {subject}", "campaign", name
    return capital(noun), campaign, name


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[1].strip() if match else ""


def _channels(request: str) -> list[str]:
    """The channels that the request names, filled up to three with the defaults."""
    named = [c for c in _CHANNELS if re.search(rf"\b{c}\b", request, re.IGNORECASE)]
    return [*named, *(c for c in _CHANNELS if c not in named)][: max(3, len(named))]
