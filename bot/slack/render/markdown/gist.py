"""What a Markdown text is about, for somebody who has not read it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bot.slack.render import text

WORDS_PER_MINUTE: Final = 220


@dataclass(frozen=True, slots=True)
class Gist:
    """`opening` are the first sentences and `headings` the text's own, both as plain text without
    marks. `minutes` is the reading time, at least 1."""

    opening: str
    headings: tuple[str, ...]
    minutes: int


def gist(markdown: str, limit: int) -> Gist:
    """`limit` is the length of `opening` in characters."""
    words = len(markdown.split())
    minutes = max(1, round(words / WORDS_PER_MINUTE))
    return Gist(text.shorten(text.sanitize(markdown).strip(), limit), (), minutes)
