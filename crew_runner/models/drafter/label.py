"""The words that say on every drafted text that no model wrote it."""

from __future__ import annotations

from typing import Final

LABEL: Final = "offline draft, no model"
CANNOT: Final = "An offline draft cannot do this; a model would."


def label_line(language: str = "") -> str:
    """The line below the title; names a language other than English that was asked for."""
    name = " ".join(language.split()).rstrip(".")
    english = name.casefold().startswith("eng") or name.casefold()[:3] in {"en", "en-", "en_"}
    if not name or english or name.startswith("The language of the request"):
        return f"*{LABEL}*"
    return f"*{LABEL} · {name[:40]} was asked for; without a model only English can be written*"
