"""Prices of calls: known if the host that serves the model is known, and never made up."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import Any

import pytest

from crew_runner.child.environment import MODEL_VARIABLES, OFFLINE_MODEL
from crew_runner.child.monitoring.prices import microdollars

OPENAI = "https://api.openai.com/v1"
OPENROUTER = "https://openrouter.ai/api/v1"


def price(model: str, *, provider: str = "", base_url: str | None = None, **more: int) -> Any:
    counts = {"prompt_tokens": 10_000, "completion_tokens": 1_000, **more}
    return microdollars(model, provider=provider, base_url=base_url, **counts)


@pytest.mark.parametrize(
    ("model", "provider", "base_url"),
    [
        ("gpt-4.1-mini", "openai", None),
        ("openai/gpt-4.1-mini", "openai", None),
        ("gpt-4.1-mini-2025-04-14", "openai", None),
        ("openai/gpt-4.1-mini", "openrouter", OPENROUTER),
        ("openrouter/openai/gpt-4.1-mini", "openrouter", OPENROUTER),
        ("openai/gpt-4.1-mini", "openai", OPENROUTER),
    ],
)
def test_the_same_model_costs_the_same_under_every_name(
    model: str, provider: str, base_url: str | None
) -> None:
    expected = price("gpt-4.1-mini", provider="openai", base_url=OPENAI)
    assert price(model, provider=provider, base_url=base_url) == expected > 0


@pytest.mark.parametrize(
    ("model", "provider", "base_url"),
    [
        ("claude-sonnet-4-5", "anthropic", None),
        ("anthropic/claude-sonnet-4-5", "anthropic", "https://api.anthropic.com"),
        ("anthropic/claude-sonnet-4.5", "openrouter", OPENROUTER),
        ("gemini-2.5-flash", "gemini", None),
        ("models/gemini-2.5-flash", "gemini", None),
        (
            "gemini-2.5-flash",
            "openai",
            "https://generativelanguage.googleapis.com/v1beta/openai/",
        ),
        ("deepseek-chat", "deepseek", "https://api.deepseek.com/v1"),
    ],
)
def test_other_providers_models_have_prices_of_their_own(
    model: str, provider: str, base_url: str | None
) -> None:
    assert price(model, provider=provider, base_url=base_url) > 0


@pytest.mark.parametrize(
    ("model", "provider", "base_url"),
    [
        ("gpt-4.1-mini", "openai", "https://models.example/v1"),
        ("gpt-4.1-mini", "openai", "http://127.0.0.1:8080/v1"),
        ("gpt-4.1-mini", "openai", "https://api.openai.com.models.example/v1"),
        ("gpt-4.1-mini", "", None),
        ("llama3", "ollama", "http://localhost:11434/v1"),
        ("smollm2", "openai", "http://127.0.0.1:8080/v1"),
        ("gpt-4.1-minimal", "openai", None),
        ("", "openai", None),
        ("tts-1", "openai", None),
        ("a-private-deployment", "azure", "https://ours.openai.azure.com/openai"),
        (OFFLINE_MODEL, "openai", "https://models.example/v1"),
    ],
    ids=lambda value: value or "none",
)
def test_an_unknown_price_is_not_made_up(model: str, provider: str, base_url: str | None) -> None:
    assert price(model, provider=provider, base_url=base_url) is None


def test_cached_tokens_cost_less() -> None:
    plain = price("gpt-4.1-mini", provider="openai")
    cached = price("gpt-4.1-mini", provider="openai", cached_tokens=8_000)
    assert 0 < cached < plain
    # More cached tokens than the prompt has are counted as the whole prompt.
    most = price("gpt-4.1-mini", provider="openai", cached_tokens=10_000)
    assert price("gpt-4.1-mini", provider="openai", cached_tokens=10**9) == most


def test_writing_to_a_cache_costs_more() -> None:
    plain = price("claude-sonnet-4-5", provider="anthropic")
    assert price("claude-sonnet-4-5", provider="anthropic", cache_written_tokens=8_000) > plain


def test_a_call_without_a_token_count_has_no_price() -> None:
    nothing = price("gpt-4.1-mini", provider="openai", prompt_tokens=0, completion_tokens=0)
    assert nothing is None


def test_the_offline_drafter_is_known_to_cost_nothing() -> None:
    local = "http://127.0.0.1:4567/v1"
    assert price(OFFLINE_MODEL, provider="openai", base_url=local) == 0


def test_no_network_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_asked: object, **_named: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert price("gpt-4o", provider="openai") > 0


def test_the_serving_process_never_loads_the_price_table() -> None:
    counts = "import sys, bot.bootstrap; print('genai_prices' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", counts], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"


def counted(model: Any, usage: dict[str, Any] | None) -> Any:
    """The counts of one call of a CrewAI model."""
    from crewai.events.types.llm_events import LLMCallCompletedEvent, LLMCallType

    from crew_runner.child.monitoring.usage_counter import UsageCounter

    tally = UsageCounter()
    event = LLMCallCompletedEvent(
        model=model.model, call_id="1", response="", call_type=LLMCallType.LLM_CALL, usage=usage
    )
    assert tally.add(model, event)
    assert not tally.add(model, event), "the same call was counted twice"
    return tally.by_model()[model.model]


@pytest.fixture
def keys(crewai_imported: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MODEL_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name in ("OPENAI_API_KEY", "OPENROUTER_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "a-key")


USED = {"prompt_tokens": 10_000, "completion_tokens": 1_000, "cached_prompt_tokens": 4_000}


@pytest.mark.parametrize(
    ("model", "usage"),
    [
        ("gpt-4.1-mini", USED),
        ("openrouter/openai/gpt-4.1-mini", USED),
        (
            "anthropic/claude-sonnet-4-5",
            {"input_tokens": 10_000, "output_tokens": 1_000, "cached_prompt_tokens": 4_000},
        ),
    ],
)
def test_calls_of_crewais_models_are_priced_by_where_they_go(
    keys: None, model: str, usage: dict[str, Any]
) -> None:
    from crewai import LLM

    counts = counted(LLM(model=model), usage)

    assert counts.pop("microdollars") > 0
    assert counts == {
        "calls": 1,
        "prompt_tokens": 10_000,
        "completion_tokens": 1_000,
        "cached_tokens": 4_000,
    }


def test_a_base_url_from_the_environment_makes_the_price_unknown(
    keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crewai import LLM

    monkeypatch.setenv("OPENAI_BASE_URL", "https://models.example/v1")
    counts = counted(LLM(model="gpt-4.1-mini"), USED)

    assert "microdollars" not in counts
    assert counts["unpriced_calls"] == 1


def test_an_authors_own_model_class_has_no_price_whatever_its_name(
    keys: None,
) -> None:
    from crewai.llms.base_llm import BaseLLM

    class Own(BaseLLM):
        def call(self, *_asked: Any, **_named: Any) -> str:
            return "by a dice"

    counts = counted(Own(model="gpt-4.1-mini"), USED)

    assert (counts["prompt_tokens"], counts.get("microdollars")) == (10_000, None)
