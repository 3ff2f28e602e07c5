"""What a program of the tests prints."""

from __future__ import annotations

import sys


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()
