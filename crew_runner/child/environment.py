"""Which environment variables a worker's child processes may see.

The bot's secrets are withheld by name from what comes from the bot (its environment, its `.env`),
and by value from what is the crew's own: a crew's own SLACK_BOT_TOKEN stays.
"""

from __future__ import annotations

import os
from collections.abc import Container, Mapping
from typing import Final

SECRET_PREFIXES: Final = ("SLACK_", "COUNTERSIGN_")
SECRET_NAMES: Final = frozenset({"DATABASE_URL", "OTEL_EXPORTER_OTLP_HEADERS"})

COMMAND_ALLOWED: Final = ("PATH", "HOME", "LANG")
"""The variables of the worker that a program receives."""

SILENT_CREWAI: Final[Mapping[str, str]] = {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "CREWAI_DISABLE_VERSION_CHECK": "true",
    "OTEL_SDK_DISABLED": "true",
}
"""Set before crewai is imported; otherwise it waits 11 to 20 s for unreachable hosts."""

OFFLINE_MODEL: Final = "offline-drafter"
"""The model name of the offline drafter."""

OVERLAY_VARIABLE: Final = "OVERLAY_MODEL"
"""The model that replaces every model a crew names, in CrewAI's notation."""

MODEL_VARIABLES: Final = frozenset(
    {
        "MODEL",
        "MODEL_NAME",
        "OPENAI_MODEL_NAME",
        "OPENAI_MODEL",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_API_BASE",
        "BASE_URL",
        "API_BASE",
        "OPENROUTER_API_KEY",
        "OPENROUTER_BASE_URL",
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_BASE_URL",
        "GEMINI_API_KEY",
        "GOOGLE_GEMINI_BASE_URL",
        "OLLAMA_HOST",
        "VLLM_API_KEY",
        "VLLM_BASE_URL",
        OVERLAY_VARIABLE,
    }
)
"""Every variable that selects a model. Remove all of them from an environment before updating it
with `settings_to_env`; leftovers would otherwise take precedence."""


def is_secret(name: str) -> bool:
    """Whether the variable belongs to the bot, so that no crew gets it from the bot."""
    return name in SECRET_NAMES or name.startswith(SECRET_PREFIXES)


def without_secrets(variables: Mapping[str, str]) -> dict[str, str]:
    """The bot's variables that a crew may see."""
    return {name: value for name, value in variables.items() if not is_secret(name)}


def without_values(variables: Mapping[str, str], secrets: Container[str]) -> dict[str, str]:
    """A crew's own variables that hold none of the bot's secrets."""
    return {name: value for name, value in variables.items() if value not in secrets}


def scrub() -> None:
    """Remove the bot's own variables from this process's environment."""
    for name in [name for name in os.environ if is_secret(name)]:
        del os.environ[name]


def remove_values(secrets: Container[str]) -> None:
    """Remove variables that hold one of the bot's secrets from this process's environment."""
    for name in [name for name, value in os.environ.items() if value in secrets]:
        del os.environ[name]
