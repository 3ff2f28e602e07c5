"""Model providers, and how a model's name identifies one."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Route(StrEnum):
    """Where the crews' model calls go."""

    OPENAI = "openai"
    COMPATIBLE = "compatible"  # OpenAI's protocol at OPENAI_BASE_URL
    OPENROUTER = "openrouter"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    OLLAMA = "ollama"
    OTHER = "other"  # a provider that CrewAI knows, set up by its own variables
    OFFLINE = "offline"


_PREFIXES: Final = {
    "openai": Route.OPENAI,
    "openrouter": Route.OPENROUTER,
    "anthropic": Route.ANTHROPIC,
    "claude": Route.ANTHROPIC,
    "gemini": Route.GEMINI,
    "google": Route.GEMINI,
    "ollama": Route.OLLAMA,
    "ollama_chat": Route.OLLAMA,
    **dict.fromkeys(
        (
            "azure",
            "azure_openai",
            "bedrock",
            "aws",
            "cerebras",
            "dashscope",
            "deepinfra",
            "deepseek",
            "hosted_vllm",
            "snowflake",
        ),
        Route.OTHER,
    ),
}
_BARE: Final = {"claude-": Route.ANTHROPIC, "gemini-": Route.GEMINI}


def provider_of(name: str) -> tuple[Route | None, str]:
    """The provider in a model's name, as CrewAI reads it, and the rest of the name.

    None if the name has none. `claude-…` and `gemini-…` need no prefix.
    """
    prefix, slash, rest = name.partition("/")
    if slash:
        route = _PREFIXES.get(prefix.lower())
        return (None, name) if route is None else (route, name if route is Route.OTHER else rest)
    return next((route for start, route in _BARE.items() if name.startswith(start)), None), name
