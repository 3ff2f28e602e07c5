"""The words that say on every drafted text that no model wrote it."""

from __future__ import annotations

import re
from typing import Final

LABEL: Final = "offline draft, no model"
CANNOT: Final = "An offline draft cannot do this; a model would."


def label_line(language: str) -> str:
    """The line below the title; names a language other than English that was asked for."""
    name = " ".join(language.split())
    if not name or re.match(r"(?:en\b|eng|the language of the request)", name, re.IGNORECASE):
        return f"*{LABEL}*"
    return f"*{LABEL} · {name[:40]} was asked for; without a model only English can be written*"


def labelled(head: str, line: str) -> str:
    """The beginning of a text with the label's line below its title."""
    title, _, rest = head.partition("\n") if head.startswith("# ") else ("", "", head)
    return "\n\n".join(part for part in (title, line, rest.strip()) if part)
