"""Which variable sets the model when several do."""

from __future__ import annotations

import pytest

from crew_runner.models.environment import ModelChoice, Route, choose, settings_to_env
from crew_runner.models.variables import CREWAI_ADDRESSES, CREWAI_NAMES, Source, read


@pytest.mark.usefixtures("crewai_imported")
def test_the_order_of_names_is_the_one_in_which_crewai_reads_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from crewai.utilities.llm_utils import create_llm

    monkeypatch.setenv("OPENAI_API_KEY", "k")
    for number in range(len(CREWAI_NAMES)):
        for later in CREWAI_NAMES[number:]:
            monkeypatch.setenv(later, f"openai/of-{later}")
        for later in CREWAI_ADDRESSES[number:]:
            monkeypatch.setenv(later, f"http://{later.lower()}/v1")
        model = create_llm(None)
        assert model is not None
        assert model.model == f"of-{CREWAI_NAMES[number]}"
        assert model.base_url == f"http://{CREWAI_ADDRESSES[number].lower()}/v1"
        monkeypatch.delenv(CREWAI_NAMES[number])
        monkeypatch.delenv(CREWAI_ADDRESSES[number])


@pytest.mark.parametrize(
    ("name", "variables", "choice"),
    [
        (
            "ollama/llama3",
            {"API_BASE": "http://box:11434"},
            ModelChoice(Route.OLLAMA, "llama3", "http://box:11434"),
        ),
        (
            "anthropic/claude",
            {"BASE_URL": "http://proxy", "ANTHROPIC_API_KEY": "k"},
            ModelChoice(Route.ANTHROPIC, "claude", "http://proxy"),
        ),
        (
            "azure/gpt",
            {"API_BASE": "http://azure", "AZURE_API_KEY": "k"},
            ModelChoice(Route.OTHER, "azure/gpt", "http://azure"),
        ),
        (
            "local-llama",
            {"API_BASE": "http://box/v1"},
            ModelChoice(Route.COMPATIBLE, "local-llama", "http://box/v1"),
        ),
    ],
)
def test_crewais_addresses_apply_to_the_provider_that_the_name_selects(
    name: str, variables: dict[str, str], choice: ModelChoice
) -> None:
    settings = read([Source({"MODEL": name, **variables})])

    assert choose(settings) == choice
    if choice.route is Route.OTHER:
        assert settings_to_env(settings)["BASE_URL"] == choice.base_url


def test_a_variable_that_is_set_to_nothing_hides_the_one_in_a_later_source() -> None:
    sources = [Source({"MODEL": ""}), Source({"MODEL": "a", "MODEL_NAME": "b"}, ".env")]

    settings = read(sources)

    assert settings.openai_model == "b"
    assert settings.origins == {"openai_model": "MODEL_NAME in .env"}
