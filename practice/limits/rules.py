"""Which of Slack's rules hold, where the facts are open or a test needs another answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rules:
    """Slack's rules for the size of a message. The defaults are Slack's, as far as it is known."""

    message_characters: int = 13_200
    """In all blocks of a message; 10,000 is on the safe side."""
    markdown_characters: int = 12_000
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
