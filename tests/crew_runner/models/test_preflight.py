"""Which key is used for which model name, and how a missing or refused one is reported."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from crew_runner.child.environment import MODEL_VARIABLES
from crew_runner.child.failures import failure_of
from crew_runner.models.environment import ModelChoice, Route, choose
from crew_runner.models.environment import settings_to_env as variables_of
from crew_runner.models.preflight import problem_of, provider_in, verdict
from crew_runner.models.source import INVALID_SECONDS, VALID_SECONDS, ModelSource
from storage.definitions import ModelSettings
from tests.support.providers import (
    ANTHROPIC,
    GEMINI,
    GOOD_KEY,
    OPENAI,
    OPENROUTER,
    Protocol,
    ProviderServer,
)

ALL = ModelSettings(
    openai_api_key="o", openrouter_api_key="r", anthropic_api_key="a", gemini_api_key="g"
)
SERVER = "http://127.0.0.1:1/v1"


@pytest.mark.parametrize(
    ("settings", "crew_model", "route", "model"),
    [
        (ModelSettings(anthropic_api_key="a"), None, Route.ANTHROPIC, "claude-sonnet-4-6"),
        (ModelSettings(gemini_api_key="g"), None, Route.GEMINI, "gemini-2.5-flash"),
        (ModelSettings(google_api_key="g"), None, Route.OFFLINE, "offline-drafter"),
        (ModelSettings(google_api_key="g"), "gemini/x", Route.GEMINI, "x"),
        (ModelSettings(ollama_host="h"), None, Route.OFFLINE, "offline-drafter"),
        (ModelSettings(openai_model="ollama/l"), None, Route.OLLAMA, "l"),
        (ModelSettings(openai_model="deepseek/d"), None, Route.OTHER, "deepseek/d"),
        (ModelSettings(openai_model="gpt-4o"), None, Route.OFFLINE, "offline-drafter"),
        (ModelSettings(), "anthropic/claude-x", Route.OFFLINE, "offline-drafter"),
        (ALL, None, Route.OPENAI, "gpt-4.1-mini"),
        (ALL, "gpt-4o", Route.OPENAI, "gpt-4o"),
        (ALL, "openai/gpt-4o", Route.OPENAI, "gpt-4o"),
        (ALL, "anthropic/claude-x", Route.ANTHROPIC, "claude-x"),
        (ALL, "claude-x", Route.ANTHROPIC, "claude-x"),
        (ALL, "google/gemini-x", Route.GEMINI, "gemini-x"),
        (ALL, "gemini-x", Route.GEMINI, "gemini-x"),
        (ALL, "openrouter/a/b", Route.OPENROUTER, "a/b"),
        (ALL, "ollama/l", Route.OLLAMA, "l"),
        (replace(ALL, openai_base_url=SERVER), "ollama/l", Route.OLLAMA, "l"),
        (replace(ALL, openai_base_url=SERVER), "gemini/x", Route.GEMINI, "x"),
        (replace(ALL, openai_base_url=SERVER), "a/b", Route.COMPATIBLE, "a/b"),
        (ModelSettings("o", SERVER), "anthropic/claude-x", Route.COMPATIBLE, "anthropic/claude-x"),
        (ModelSettings("o", SERVER, "ollama/l"), None, Route.COMPATIBLE, "ollama/l"),
        (ModelSettings(openrouter_api_key="r"), "claude-x/y", Route.OPENROUTER, "claude-x/y"),
        (ModelSettings("o"), "anthropic/claude-x", Route.ANTHROPIC, "claude-x"),
    ],
)
def test_the_name_selects_the_provider_and_without_one_the_first_key_does(
    settings: ModelSettings, crew_model: str | None, route: Route, model: str
) -> None:
    choice = choose(settings, crew_model)

    assert (choice.route, choice.model) == (route, model)


def test_an_operators_own_server_needs_no_key() -> None:
    settings = ModelSettings(openai_base_url=SERVER, openai_model="l")

    assert choose(settings) == ModelChoice(Route.COMPATIBLE, "l", SERVER)
    assert variables_of(settings)["OPENAI_API_KEY"]


def test_the_key_of_one_server_is_never_sent_to_another() -> None:
    """OpenAI's variable without an address would send the key to OpenAI itself."""
    settings = replace(ALL, openai_api_key="of-the-server", openai_base_url=SERVER)

    for model in ("anthropic/claude-x", "ollama/l", "openrouter/a/b"):
        assert "OPENAI_API_KEY" not in variables_of(settings, model)
    gemini = variables_of(settings, "gemini/x")
    assert gemini["OPENAI_API_KEY"] == "g"
    assert set(gemini) <= MODEL_VARIABLES


# --- a key that is missing or refused ---------------------------------------------------------


def at(protocol: Protocol, server: ProviderServer, key: str) -> tuple[ModelSettings, str]:
    """Settings that point to the server, and the variable of the key."""
    if protocol is ANTHROPIC:
        settings = ModelSettings(anthropic_api_key=key, anthropic_base_url=server.address)
        return settings, "ANTHROPIC_API_KEY"
    if protocol is GEMINI:
        settings = ModelSettings(gemini_api_key=key, gemini_base_url=server.address)
        return settings, "GEMINI_API_KEY"
    if protocol is OPENROUTER:
        settings = ModelSettings(openrouter_api_key=key, openrouter_base_url=server.base_url)
        return settings, "OPENROUTER_API_KEY"
    return ModelSettings(key, server.base_url), "OPENAI_API_KEY"


@pytest.mark.parametrize("protocol", [OPENAI, OPENROUTER, ANTHROPIC, GEMINI])
def test_each_providers_key_is_checked_at_no_cost(protocol: Protocol) -> None:
    with ProviderServer(protocol) as server:
        good, _variable = at(protocol, server, GOOD_KEY)
        bad, variable = at(protocol, server, "sk-hunter2")
        problem = problem_of(variables_of(bad))

        assert problem_of(variables_of(good)) is None
        assert server.asked == []
    assert problem is not None
    assert f"refused the key in {variable} (401 from 127.0.0.1:" in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("status", "body", "refused"),
    [
        (401, "{}", True),
        (403, "{}", True),
        (400, '{"error": {"message": "API key not valid. Please pass a valid API key."}}', True),
        (403, '{"error": {"message": "Missing scopes: api.model.read"}}', False),
        (400, "{}", False),
        (404, "{}", False),
        (429, "{}", False),
        (500, "{}", False),
    ],
)
def test_only_a_clear_refusal_counts(status: int, body: str, refused: bool) -> None:
    provider = provider_in(variables_of(ModelSettings("k")))
    assert provider is not None

    assert (verdict(provider, status, body) is not None) is refused


def test_an_unreachable_provider_is_no_problem_yet() -> None:
    assert problem_of(variables_of(ModelSettings("k", "http://127.0.0.1:9/v1"))) is None


def test_a_missing_key_names_the_variable_and_nobody_is_asked() -> None:
    problem = ModelSource(ModelSettings("o")).problem("anthropic/claude-x")

    assert problem is not None
    assert problem.startswith("The model claude-x needs a key, and ANTHROPIC_API_KEY is not set.")


def test_a_good_key_is_cached_for_minutes_and_a_refusal_for_seconds() -> None:
    now = 0.0
    with ProviderServer(OPENAI) as server:
        source = ModelSource(ModelSettings(GOOD_KEY, server.base_url), clock=lambda: now)

        assert [source.problem(), source.problem("other-model")] == [None, None]
        assert server.listed == 1
        server.keys = set()
        now = VALID_SECONDS - 1
        assert source.problem() is None
        now = VALID_SECONDS
        assert source.problem() is not None
        server.keys = {GOOD_KEY}
        now += INVALID_SECONDS
        assert source.problem() is None
        assert server.listed == 3


@pytest.mark.usefixtures("crewai_imported")
def test_a_missing_key_for_a_model_in_the_code_is_reported_readably(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from crewai import LLM

    for name in MODEL_VARIABLES:
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(ValueError, match="ANTHROPIC_API_KEY") as raised:
        LLM(model="anthropic/claude-haiku-4-5").call("Say something.")

    failure = failure_of(raised.value)
    assert failure.message.startswith("The crew names a model of its own, and its provider's key")
    assert "ANTHROPIC_API_KEY" in failure.message
    assert not failure.retryable


@pytest.mark.usefixtures("crewai_imported")
def test_a_client_that_is_not_installed_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from crewai import LLM

    monkeypatch.setitem(sys.modules, "google.genai", None)
    monkeypatch.delitem(sys.modules, "crewai.llms.providers.gemini.completion", raising=False)

    with pytest.raises(ImportError) as raised:
        LLM(model="gemini/gemini-2.0-flash", api_key="k")

    failure = failure_of(raised.value)
    assert "pip install --no-deps google-genai==1.65.*" in failure.message
    assert "`model:` for the crew in crews.yml" in failure.message
    assert not failure.retryable
