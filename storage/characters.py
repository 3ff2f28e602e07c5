"""Characters that cannot be stored or sent. Pure."""

from __future__ import annotations

import re
from typing import Final

REPLACEMENT: Final = "\ufffd"

SURROGATE: Final = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair, which UTF-8 cannot hold."""

_NOT_STORED: Final = re.compile(rf"\x00|{SURROGATE.pattern}")


def storable(text: str) -> str:
    """Replace surrogates and NUL characters, which databases refuse, by U+FFFD."""
    return _NOT_STORED.sub(REPLACEMENT, text)
