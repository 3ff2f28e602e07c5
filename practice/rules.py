"""Slack's limits: the numbers, from the shared data file, and which of the open rules hold."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files


def _read() -> dict[str, dict[str, int]]:
    return tomllib.loads(files("slack_limits").joinpath("limits.toml").read_text(encoding="utf-8"))


LIMITS = _read()
"""By section and name, as in `slack_limits/limits.toml`, which says what each number counts."""


@dataclass(frozen=True)
class Rules:
    """Slack's rules for the size of a message. The defaults are Slack's, as far as it is known."""

    message_characters: int = 13_200
    """In all blocks of a message. This was measured; `slack_limits` has a number below it."""
    markdown_characters: int = LIMITS["markdown"]["characters"]
    """In all `markdown` blocks of a message."""
    count_bytes: bool = False
    """Count UTF-8 bytes where Slack may count them: in a message's blocks and its Markdown."""
    expand_markdown: bool = True
    """Count headings, rules, tables and the runs between them towards the blocks of a message."""
    one_table_in_markdown: bool = True
    """Count the tables in Markdown too: a message may have one."""


SLACK = Rules()
ANY_SIZE = Rules(message_characters=10**9)
"""For response URLs, where Slack does not limit the whole message."""
