"""Hides the bot's secrets from other processes of the same user.

Crews run as this user. Their own environment holds none of the secrets, but on Linux they could
read the bot's /proc/PID/environ and cmdline, which show what the bot was started with.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from bot.settings import Settings, load_settings

_STAT: Final = Path("/proc/self/stat")
_ARG_START, _ARG_END = 45, 46  # indices of the fields after the program's name
_ENV_START, _ENV_END = 47, 48
_PART_OF_OTHERS: Final = 16
"""From this length on, a secret is also removed where it is only a part of a value."""
_SET_DUMPABLE: Final = 4  # PR_SET_DUMPABLE


def load_and_hide(env_file: Path, *, overrides: Mapping[str, str] | None = None) -> Settings:
    """Read the settings, then hide the secrets in them. Raises SettingsError.

    Every command that may start a crew has to begin with it.
    """
    settings = load_settings(env_file, overrides=overrides)
    hide_secrets(settings.secrets)
    return settings


def hide_secrets(values: Collection[str] = ()) -> None:
    """Remove the Slack and database variables, and those with these values, from this process.

    Read the settings first. On Linux the text in /proc is erased, too.
    """
    secrets = [os.fsencode(value) for value in values if value]
    for name, value in list(os.environb.items()):
        if _is_hidden(name, value, secrets):
            del os.environb[name]
    if sys.platform == "linux":
        fields = _STAT.read_text().rpartition(")")[2].split()
        _erase_environment(int(fields[_ENV_START]), int(fields[_ENV_END]), secrets)
        _erase_arguments(int(fields[_ARG_START]), int(fields[_ARG_END]), secrets)
        forbid_inspection()


def forbid_inspection() -> None:
    """Keep other processes of this user, such as debuggers, out of this one."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)


def is_secret(name: str) -> bool:
    return name.startswith("SLACK_") or name in _SECRET_NAMES


_SECRET_NAMES: Final = frozenset(
    {"DATABASE_URL", "COUNTERSIGN_ENCRYPTION_KEYS", "OTEL_EXPORTER_OTLP_HEADERS"}
)


def _is_hidden(name: bytes, value: bytes, secrets: Collection[bytes]) -> bool:
    return is_secret(os.fsdecode(name)) or _holds_secret(value, secrets)


def _holds_secret(value: bytes, secrets: Collection[bytes]) -> bool:
    return any(
        secret in value if len(secret) >= _PART_OF_OTHERS else secret == value for secret in secrets
    )


def _erase_environment(start: int, end: int, secrets: Collection[bytes]) -> None:
    """Overwrite the secrets where the kernel put them: unsetting a variable leaves that text."""
    address = start
    for entry in ctypes.string_at(start, end - start).split(b"\0"):
        name, _, value = entry.partition(b"=")
        if _is_hidden(name, value, secrets):
            ctypes.memset(address + len(name) + 1, 0, len(value))
        address += len(entry) + 1


def _erase_arguments(start: int, end: int, secrets: Collection[bytes]) -> None:
    address = start
    for argument in ctypes.string_at(start, end - start).split(b"\0"):
        if _holds_secret(argument, secrets):
            ctypes.memset(address, ord("*"), len(argument))
        address += len(argument) + 1
