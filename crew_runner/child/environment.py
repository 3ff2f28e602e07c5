"""Which variables the processes below a worker get to see."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

SECRET_PREFIXES: Final = ("SLACK_", "COUNTERSIGN_")
SECRET_NAMES: Final = frozenset({"DATABASE_URL"})

COMMAND_ALLOWED: Final = ("PATH", "HOME", "LANG")
"""What a program gets of the worker's own environment."""

SILENT_CREWAI: Final[Mapping[str, str]] = {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "CREWAI_DISABLE_VERSION_CHECK": "true",
    "OTEL_SDK_DISABLED": "true",
}
"""Set before crewai is imported: without them it waits 11 to 20 s for hosts it cannot reach."""


def is_secret(name: str) -> bool:
    """Whether a variable is the bot's own, which no crew may see."""
    return name in SECRET_NAMES or name.startswith(SECRET_PREFIXES)


def without_secrets(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if not is_secret(name)}


def scrub() -> None:
    """Take the bot's own variables out of this process's environment."""
    for name in [name for name in os.environ if is_secret(name)]:
        del os.environ[name]
