"""Which variables the models and tools of a crew need, and which of them are not set."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any, Final

_KEYS: Final = {
    "anthropic": ("ANTHROPIC_API_KEY",),
    "azure": ("AZURE_API_KEY", "AZURE_OPENAI_API_KEY"),
    "azure_openai": ("AZURE_API_KEY", "AZURE_OPENAI_API_KEY"),
    "bedrock": ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK"),
    "cerebras": ("CEREBRAS_API_KEY",),
    "cohere": ("COHERE_API_KEY",),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "fireworks_ai": ("FIREWORKS_AI_API_KEY", "FIREWORKS_API_KEY"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "google": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "groq": ("GROQ_API_KEY",),
    "huggingface": ("HF_TOKEN", "HUGGINGFACE_API_KEY"),
    "mistral": ("MISTRAL_API_KEY",),
    "nvidia_nim": ("NVIDIA_NIM_API_KEY",),
    "openai": ("OPENAI_API_KEY",),
    "openrouter": ("OPENROUTER_API_KEY",),
    "perplexity": ("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
    "together_ai": ("TOGETHERAI_API_KEY", "TOGETHER_API_KEY"),
    "watsonx": ("WATSONX_APIKEY", "WATSONX_API_KEY"),
    "xai": ("XAI_API_KEY",),
}
"""By provider; any one of the variables is enough. Providers that are not listed need none."""

MODEL_KEYS: Final = frozenset(names[0] for names in _KEYS.values())
"""Those of `missing_keys` without which a model cannot be asked; the others belong to tools."""

_BARE: Final = {"claude-": "anthropic", "gemini-": "gemini", "gpt-": "openai", "o1": "openai"}


def missing_keys(models: Iterable[Any], tools: Iterable[Any]) -> tuple[str, ...]:
    """The variables that are needed and not set, each once."""
    needed = [*(names for model in models for names in _of_model(model)), *_of_tools(tools)]
    missing = (names[0] for names in needed if not any(os.environ.get(name) for name in names))
    return tuple(dict.fromkeys(missing))


def _of_model(model: Any) -> Iterator[tuple[str, ...]]:
    """The variables that the model's provider reads, unless the crew's own code provides it."""
    is_own_class = not isinstance(model, str) and not type(model).__module__.startswith("crewai.")
    if is_own_class or getattr(model, "api_key", None):
        return
    name = model if isinstance(model, str) else str(getattr(model, "model", ""))
    provider = getattr(model, "provider", None) or name.partition("/")[0]
    if "/" not in name:
        bare = next((of for start, of in _BARE.items() if name.startswith(start)), None)
        provider = getattr(model, "provider", None) or bare or ""
    if str(provider).lower() in _KEYS:
        yield _KEYS[str(provider).lower()]


def _of_tools(tools: Iterable[Any]) -> Iterator[tuple[str, ...]]:
    """Tools of crewai_tools list the variables that they read."""
    for tool in tools:
        for variable in getattr(tool, "env_vars", None) or ():
            if getattr(variable, "required", False) and not getattr(variable, "default", None):
                yield (str(variable.name),)
