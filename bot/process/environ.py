"""Hides the bot's secrets from other processes of the same user.

Crews run as this user. Their own environment is scrubbed, but on Linux they could read the bot's
/proc/PID/environ, which shows the environment that the bot was started with.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Final

_STAT: Final = Path("/proc/self/stat")
_ENV_START, _ENV_END = 47, 48  # indices of the fields after the program's name
_SET_DUMPABLE: Final = 4  # PR_SET_DUMPABLE


def hide_secrets() -> None:
    """Remove the Slack and database variables from this process. Read the settings first.

    On Linux their text in /proc is erased, too.
    """
    for name in [name for name in os.environ if is_secret(name)]:
        del os.environ[name]
    if sys.platform == "linux":
        _erase_initial_environment()
        ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)  # keeps debuggers out, too


def is_secret(name: str) -> bool:
    return name.startswith("SLACK_") or name == "DATABASE_URL"


def _erase_initial_environment() -> None:
    """Overwrite the secrets where the kernel put them: unsetting a variable leaves that text."""
    fields = _STAT.read_text().rpartition(")")[2].split()
    start, end = int(fields[_ENV_START]), int(fields[_ENV_END])
    address = start
    for entry in ctypes.string_at(start, end - start).split(b"\0"):
        name, _, value = entry.partition(b"=")
        if is_secret(os.fsdecode(name)):
            ctypes.memset(address + len(name) + 1, 0, len(value))
        address += len(entry) + 1
