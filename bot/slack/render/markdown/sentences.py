"""Where sentences end, in scripts with and without spaces. Pure.

Good enough for the opening of a text: an abbreviation that is not known here ends a sentence too
early, and nothing is lost by it.
"""

from __future__ import annotations

import re
from typing import Final

_END: Final = re.compile(
    "[。！？｡][」』）】”’]*"  # East Asian sentences need no space after them
    "|[.!?…؟۔।]+[\"'”’»)\\]]*(?=\\s|$)"
    "|\n{2,}|\n(?=[-•*])"
)
_ABBREVIATION: Final = re.compile(
    r"(?:^|[\s(])(?:\w|\w\.\s?\w|dr|mr|mrs|ms|prof|st|no|nr|vs|etc|approx|bzw|ca|vgl|usw|evtl|inkl"
    r"|abs|art|str|tel|mio|mrd|ggf|sog|max|min|jan|feb|mar|apr|aug|sept|sep|oct|okt|nov|dec|dez"
    r"|inc|ltd|co|corp|fig|abb|al|\d{1,2})\.$",
    re.IGNORECASE,
)


def split(content: str) -> list[str]:
    """The sentences, each on one line."""
    sentences: list[str] = []
    start = 0
    for end in _END.finditer(content):
        if _ends(content, start, end):
            sentences.append(content[start : end.end()])
            start = end.end()
    sentences.append(content[start:])
    return [line for sentence in sentences if (line := " ".join(sentence.split()))]


def _ends(content: str, start: int, end: re.Match[str]) -> bool:
    mark = end.group()
    if not mark.startswith(".") or mark.startswith(".."):
        return not _continues(content, end.end()) or not mark.startswith(("…", ".."))
    before = content[max(start, end.start() - 12) : end.start() + 1]
    return not _ABBREVIATION.search(before) and not _continues(content, end.end())


def _continues(content: str, at: int) -> bool:
    """Whether the next word begins with a small letter."""
    following = content[at : at + 8].lstrip()
    return bool(following) and following[0].islower()
