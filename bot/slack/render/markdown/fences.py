"""Code in Markdown that is put together. Pure."""

from __future__ import annotations

import re
from typing import Final

_FENCE: Final = re.compile(r"^ {0,3}(`{3,}(?!.*`)|~{3,})", re.MULTILINE)
_CLOSING: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*$", re.MULTILINE)
_BACKTICKS: Final = re.compile("`{3,}")


def fenced(code: str, language: str = "") -> str:
    """The code between fences that nothing in it can close."""
    longest = max((len(run) for run in _BACKTICKS.findall(code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


def closed(markdown: str) -> str:
    """The Markdown with a code fence that it leaves open closed."""
    at = 0
    while opening := _FENCE.search(markdown, at):
        mark = opening.group(1)
        at = _end(markdown, opening.end(), mark)
        if at < 0:
            return f"{markdown}\n{mark}"
    return markdown


def _end(markdown: str, at: int, mark: str) -> int:
    """Where the fence that `mark` has opened ends, or -1."""
    for closing in _CLOSING.finditer(markdown, at):
        if closing.group(1).startswith(mark):
            return closing.end()
    return -1
