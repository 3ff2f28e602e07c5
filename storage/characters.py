"""Characters that cannot be stored or sent, and those that nobody sees. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

REPLACEMENT: Final = "\ufffd"

SURROGATE: Final = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair, which UTF-8 cannot hold."""

_NOT_STORED: Final = re.compile(rf"\x00|{SURROGATE.pattern}")


def storable(text: str) -> str:
    """Replace surrogates and NUL characters, which databases refuse, by U+FFFD."""
    return _NOT_STORED.sub(REPLACEMENT, text)


_UNSEEN: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks without a shape: joiners, fillers, the blank of Braille."""

_UNSEEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})


def is_blank(text: str) -> bool:
    """Whether a reader sees nothing: white space and zero-width characters at most."""
    return all(
        unicodedata.category(character) in _UNSEEN_CATEGORIES
        or character in _UNSEEN
        or "\ufe00" <= character <= "\ufe0f"
        for character in text
    )


def trimmed(text: str) -> str:
    """The text without empty lines before it and white space after it; empty if it is blank.

    The indentation of several lines stays: it means something in code and in lists.
    """
    if is_blank(text):
        return ""
    text = _EMPTY_LINES.sub("", text).rstrip()
    return text if "\n" in text else text.lstrip()


_EMPTY_LINES: Final = re.compile(r"\A(?:[^\S\n]*\n)+")
