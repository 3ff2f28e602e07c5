"""Counts the blocks that Slack makes of a `markdown` block.

Slack expands the Markdown on its server: each heading, thematic break and table becomes a block
of its own, and so does each run of other text between them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]|$)")
UNDERLINE = re.compile(r" {0,3}(?:=+|-+)[ \t]*$")
RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
DELIMITER = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")


@dataclass(frozen=True)
class Expansion:
    """What a `markdown` block becomes: its blocks in all, and the tables among them."""

    blocks: int
    tables: int


def expanded(markdown: str) -> Expansion:
    """Count the blocks of this Markdown."""
    lines = markdown.splitlines()
    blocks = tables = 0
    in_run = False
    at = 0
    while at < len(lines):
        kind, taken = _piece(lines, at, after_text=in_run)
        match kind:
            case "blank":
                pass
            case "text":
                blocks, in_run = blocks + (not in_run), True
            case "underlined":  # the paragraph above is the heading
                in_run = False
            case _:
                blocks, in_run = blocks + 1, False
                tables += kind == "table"
        at += taken
    return Expansion(blocks, tables)


def _piece(lines: list[str], at: int, *, after_text: bool) -> tuple[str, int]:
    """What begins at this line, and how many lines it takes."""
    line = lines[at]
    kind, taken = "text", 1
    if not line.strip():
        kind = "blank"
    elif fence := FENCE.match(line):
        taken = _fenced(lines, at, fence.group(1))
    elif HEADING.match(line):
        kind = "heading"
    elif after_text and UNDERLINE.match(line) and lines[at - 1].strip():
        kind = "underlined"
    elif RULE.match(line):
        kind = "rule"
    elif "|" in line and _is_delimiter(lines[at + 1 : at + 2]):
        kind, taken = "table", _table_rows(lines, at)
    return kind, taken


def _is_delimiter(lines: list[str]) -> bool:
    return any("|" in line and DELIMITER.match(line) for line in lines)


def _table_rows(lines: list[str], at: int) -> int:
    end = at + 2
    while end < len(lines) and "|" in lines[end]:
        end += 1
    return end - at


def _fenced(lines: list[str], at: int, fence: str) -> int:
    end = at + 1
    while end < len(lines):
        line = lines[end].strip()
        end += 1
        if line.startswith(fence) and not line.strip(fence[0]):
            break
    return end - at
