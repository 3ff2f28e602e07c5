"""JSON as a person reads it: over several lines, with every other character as it was. Pure."""

from __future__ import annotations

import json
import re
from typing import Final

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_OPENING, _CLOSING = "{[", "}]"
_INDENT: Final = "  "
_MAX_DEPTH: Final = 40
"""JSON that is deeper stays as it is: its indentation would outgrow it."""


def is_json(text: str) -> bool:
    """Whether the whole text is a JSON object or list."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def pretty(text: str) -> str:
    """JSON that stands on one line, over several. Only white space changes."""
    text = text.strip()
    if "\n" in text:
        return text
    tokens = _TOKEN.findall(text)
    lines, line, depth = [], "", 0
    for position, token in enumerate(tokens):
        before = tokens[position - 1] if position else ""
        empty = token in _CLOSING and before in _OPENING and bool(before)
        if token in _CLOSING:
            depth -= 1
        if position and not empty and (token in _CLOSING or before in ("{", "[", ",")):
            lines.append(line)
            line = _INDENT * depth
        line += token
        if token == ":":  # noqa: S105 (a token of JSON)
            line += " "
        if token in _OPENING:
            depth += 1
        if depth > _MAX_DEPTH:
            return text
    return "\n".join([*lines, line])
