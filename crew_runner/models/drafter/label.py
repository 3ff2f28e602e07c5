"""The label on every drafted text, which says that no model wrote it."""

from __future__ import annotations

import re
from typing import Final

LABEL: Final = "offline draft, no model"
CANNOT: Final = "An offline draft cannot do this; a model would."


def label_line(language: str) -> str:
    """The line below the title; it names the requested language unless that is English."""
    name = " ".join(language.split())
    if not name or re.match(r"(?:en\b|eng|the language of the request)", name, re.IGNORECASE):
        return f"*{LABEL}*"
    return f"*{LABEL} · {name[:40]} was asked for; without a model only English can be written*"


def labelled(head: str, line: str) -> str:
    """The start of a text with the label below its title."""
    title, _, rest = head.partition("\n") if head.startswith("# ") else ("", "", head)
    return "\n\n".join(part for part in (title, line, rest.strip()) if part)
