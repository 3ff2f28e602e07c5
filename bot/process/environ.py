"""Keeps the bot's secrets out of what other processes of the same user can read of it.

Crews run as this user. Their own environment is scrubbed, but on Linux they could open
/proc/PID/environ of the bot, which shows the environment as it was when the bot was started.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Final

_STAT: Final = Path("/proc/self/stat")
_ENV_START, _ENV_END = 47, 48  # among the fields after the program's name
_SET_DUMPABLE: Final = 4  # PR_SET_DUMPABLE


def hide_secrets() -> None:
    """Take the variables of Slack and the database out of this process, once they were read.

    Elsewhere than on Linux only the variables themselves go.
    """
    for name in [name for name in os.environ if is_secret(name)]:
        del os.environ[name]
    if sys.platform == "linux":
        _erase_what_the_start_left()
        ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)  # no peeking by debuggers either


def is_secret(name: str) -> bool:
    return name.startswith("SLACK_") or name == "DATABASE_URL"


def _erase_what_the_start_left() -> None:
    """Unsetting a variable leaves its text where the kernel put it, and /proc shows that."""
    fields = _STAT.read_text().rpartition(")")[2].split()
    start, end = int(fields[_ENV_START]), int(fields[_ENV_END])
    place = start
    for entry in ctypes.string_at(start, end - start).split(b"\0"):
        name, _, value = entry.partition(b"=")
        if is_secret(os.fsdecode(name)):
            ctypes.memset(place + len(name) + 1, 0, len(value))
        place += len(entry) + 1
