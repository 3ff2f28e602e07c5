"""A long text in parts that fit into fields, and back. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.slack.render import text

GAPS: Final = ("\n\n", "\n", " ", "")
"""Where a text may be split, best first. The gap itself stands in no part."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a text, and what stands between it and the part before."""

    text: str
    gap: str = ""


def split(content: str, limit: int) -> tuple[Part, ...]:
    """Split a text into parts of at most `limit` characters as Slack counts them; at least one."""
    parts: list[Part] = []
    gap = ""
    while text.length(content) > limit:
        head = _prefix(content, limit)
        end, next_gap = _last_gap(content, len(head))
        parts.append(Part(content[:end], gap))
        content, gap = content[end + len(next_gap) :], next_gap
    return (*parts, Part(content, gap))


def join(parts: Sequence[Part]) -> str:
    return "".join(part.gap + part.text for part in parts)


def same(typed: str, shown: str) -> bool:
    """Whether a field was left as it was: Slack may trim it or change its line ends."""
    return text.sanitize(typed).strip() == text.sanitize(shown).strip()


def _prefix(content: str, limit: int) -> str:
    head = content[:limit]
    while text.length(head) > limit:
        head = head[: len(head) - max(1, (text.length(head) - limit) // 2)]
    return head


def _last_gap(content: str, most: int) -> tuple[int, str]:
    """The end of the next part, and the gap that follows it."""
    for gap in GAPS[:-1]:
        at = content.rfind(gap, most // 2, most + len(gap))
        if at > 0:
            return at, gap
    return most, ""
