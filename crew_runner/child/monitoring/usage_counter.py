"""Counts calls, tokens and their price by model, from CrewAI's events."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from importlib.util import find_spec
from typing import Final

from crewai.events.types.llm_events import LLMCallCompletedEvent
from crewai.types.usage_metrics import UsageMetrics

from ..older_crewai import usage_since

UNNAMED: Final = "unknown"
_LITELLM: Final = "crewai.llm"
_NATIVE: Final = "crewai.llms.providers."
_BASE_URL_VARIABLES: Final = {
    "openai": ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    "anthropic": ("ANTHROPIC_BASE_URL",),
    "gemini": ("GOOGLE_GEMINI_BASE_URL",),
}
"""The variables in which the providers' clients look for an address."""


class UsageCounter:
    """Protected by the listener's lock."""

    def __init__(self) -> None:
        self._by_model: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._counted: dict[object, object] = {}
        self._totals: dict[int, UsageMetrics | None] = {}

    def by_model(self) -> dict[str, dict[str, int]]:
        return {model: dict(counts) for model, counts in self._by_model.items()}

    def add(self, source: object, event: LLMCallCompletedEvent) -> bool:
        """Count a finished call, once even if it is reported repeatedly; whether it was new.

        `source` is the LLM that made the call.
        """
        key = getattr(event, "event_id", None) or id(event)
        if key in self._counted:
            return False
        self._counted[key] = event
        counts = self._by_model[event.model or UNNAMED]
        counts["calls"] += 1
        used = self._usage_of(source, event)
        if used is None or used.total_tokens <= 0:
            counts["uncounted_calls"] += 1
        else:
            counts["prompt_tokens"] += used.prompt_tokens
            counts["completion_tokens"] += used.completion_tokens
            counts["cached_tokens"] += used.cached_prompt_tokens
        price = _price(source, event.model or "", used or UsageMetrics())
        if price is None:
            counts["unpriced_calls"] += 1
        else:
            counts["microdollars"] += price
        return True

    def _usage_of(self, llm: object, event: LLMCallCompletedEvent) -> UsageMetrics | None:
        usage = getattr(event, "usage", None)
        if hasattr(UsageMetrics, "from_provider_dict"):
            return UsageMetrics.from_provider_dict(usage)
        used = usage_since(llm, self._totals.get(id(llm)))
        self._totals[id(llm)] = usage_since(llm, None)
        return used


def _price(llm: object, model: str, used: UsageMetrics) -> int | None:
    if find_spec("genai_prices") is None:
        return None  # it may be missing in the crew's environment
    from . import prices

    provider = _provider(llm)
    return prices.microdollars(
        model,
        provider=provider,
        base_url=_base_url(llm, provider),
        prompt_tokens=used.prompt_tokens,
        completion_tokens=used.completion_tokens,
        cached_tokens=used.cached_prompt_tokens,
        cache_written_tokens=getattr(used, "cache_creation_tokens", 0),
    )


def _provider(llm: object) -> str:
    """CrewAI's name for the provider; empty for a model class of the crew's author."""
    modules = [cls.__module__ for cls in type(llm).__mro__]
    if not any(home == _LITELLM or home.startswith(_NATIVE) for home in modules):
        return ""
    provider = getattr(llm, "provider", None)
    return provider.lower() if isinstance(provider, str) else ""


def _base_url(llm: object, provider: str) -> str | None:
    """The address of the LLM's calls, unless it is the provider's default."""
    parameters = getattr(llm, "client_params", None)
    urls = [parameters.get("base_url")] if isinstance(parameters, dict) else []
    urls += [getattr(llm, name, None) for name in ("base_url", "api_base", "endpoint")]
    urls += [os.environ.get(name) for name in _BASE_URL_VARIABLES.get(provider, ())]
    return next((str(url) for url in urls if url), None)
