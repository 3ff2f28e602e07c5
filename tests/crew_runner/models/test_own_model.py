"""A project with a model of its own uses it; the operator's fills in what is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crew_runner.models.environment import NO_KEY
from crew_runner.models.own_model import own_model
from crew_runner.models.source import ModelSource
from crew_runner.models.variables import Source, read
from storage.definitions import CrewDefinition, CrewKind, ModelSettings

LOCAL = {
    "OPENAI_API_KEY": "lm-studio",
    "OPENAI_API_BASE": "http://127.0.0.1:9/v1",
    "OPENAI_MODEL_NAME": "local-llama",
}
NOBODY = ModelSettings()


def operator(*, environment: dict[str, str] | None = None, file: dict[str, str]) -> ModelSettings:
    sources = [Source(environment or {}), Source(file, ".env")]
    return replace(read(sources), environment=environment or {})


def project(folder: Path, file: dict[str, str], **more: Any) -> CrewDefinition:
    """A crew whose `.env` has these variables."""
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in file.items()))
    return CrewDefinition("own", CrewKind.CREW, target="crew:crew", project=str(folder), **more)


def variables(crew: CrewDefinition, settings: ModelSettings) -> dict[str, str]:
    """What the crew's process gets. The offline drafter's variables are left out."""
    source = ModelSource(settings)
    try:
        given = dict(source.variables(crew.model, source.own_model(crew)))
    finally:
        source.stop()
    return {} if given.get("OPENAI_MODEL") == "offline-drafter" else given


@pytest.mark.parametrize(
    "settings",
    [
        NOBODY,
        operator(file={"OPENAI_API_KEY": "sk-operator", "OPENAI_MODEL": "gpt-4o"}),
        operator(file={"OPENAI_API_KEY": "sk", "OPENAI_BASE_URL": "http://proxy/v1"}),
    ],
)
def test_a_project_that_is_local_gets_its_variables_and_none_of_the_bots_env_file(
    tmp_path: Path, settings: ModelSettings
) -> None:
    assert variables(project(tmp_path, LOCAL), settings) == LOCAL


def test_the_environment_wins_over_the_projects_file_under_whatever_name(tmp_path: Path) -> None:
    environment = {"OPENAI_BASE_URL": "http://operator/v1", "OPENAI_MODEL": "house"}
    crew = project(tmp_path, LOCAL)

    given = variables(crew, operator(environment=environment, file={}))

    assert given["OPENAI_API_BASE"] == given["OPENAI_BASE_URL"] == "http://operator/v1"
    assert given["OPENAI_MODEL_NAME"] == given["MODEL"] == "house"


def test_env_in_crews_yml_wins_over_the_environment(tmp_path: Path) -> None:
    crew = project(tmp_path, LOCAL, env={"MODEL": "gpt-4o", "OPENAI_API_KEY": "sk-entry"})
    environment = {"OPENAI_MODEL": "house", "OPENAI_API_KEY": "sk-operator"}

    given = variables(crew, operator(environment=environment, file={}))

    assert given["MODEL"] == "gpt-4o"
    assert given["OPENAI_API_KEY"] == "sk-entry"


def test_a_model_in_crews_yml_takes_the_operators_key_and_the_projects_only_if_there_is_none(
    tmp_path: Path,
) -> None:
    crew = project(tmp_path, {"ANTHROPIC_API_KEY": "sk-project"}, model="anthropic/claude-x")

    bots = variables(crew, operator(file={"ANTHROPIC_API_KEY": "sk-operator"}))
    own = variables(crew, operator(file={"OPENAI_API_KEY": "sk-operator"}))

    assert bots["OVERLAY_MODEL"] == own["OVERLAY_MODEL"] == "anthropic/claude-x"
    assert bots["ANTHROPIC_API_KEY"] == "sk-operator"
    assert own["ANTHROPIC_API_KEY"] == "sk-project"


def test_a_name_without_a_key_is_used_with_the_operators_key(tmp_path: Path) -> None:
    crew = project(tmp_path, {"MODEL": "gpt-4o", "OPENAI_API_KEY": ""})

    given = variables(crew, operator(file={"OPENAI_API_KEY": "sk-operator", "MODEL": "house"}))

    assert given["MODEL"] == "gpt-4o"
    assert given["OPENAI_API_KEY"] == "sk-operator"
    assert "OVERLAY_MODEL" not in given


@pytest.mark.parametrize(
    "placeholder",
    ["YOUR_API_KEY", "your-openai-key", "sk-your-key", "<key>", "changeme", "sk-...", "xxxxx"],
)
def test_a_templates_placeholder_is_no_key(tmp_path: Path, placeholder: str) -> None:
    settings = operator(file={"OPENAI_API_KEY": "sk-operator"})
    crew = project(tmp_path, {"OPENAI_API_KEY": placeholder})

    assert variables(crew, settings)["OPENAI_API_KEY"] == "sk-operator"
    assert variables(crew, NOBODY) == {}


def test_a_name_without_any_key_leaves_the_texts_to_the_offline_drafter(tmp_path: Path) -> None:
    crew = project(tmp_path, {"MODEL": "gpt-4o", "OPENAI_API_KEY": ""})

    assert variables(crew, NOBODY) == {}


@pytest.mark.parametrize(
    "env", [{"SERPER_API_KEY": "x"}, {"OPENAI_MODEL": "for its own code"}, {"GOOGLE_API_KEY": "x"}]
)
def test_a_project_without_a_model_uses_the_operators(tmp_path: Path, env: dict[str, str]) -> None:
    assert own_model(project(tmp_path, env), NOBODY) is None


@pytest.mark.parametrize(
    "env", [{"MODEL": "groq/llama", "GROQ_API_KEY": "k"}, {"DEEPSEEK_API_KEY": "k"}]
)
def test_a_provider_that_only_crewai_knows_is_not_replaced_by_the_drafter(
    tmp_path: Path, env: dict[str, str]
) -> None:
    crew = project(tmp_path, env)
    source = ModelSource(NOBODY)
    own = source.own_model(crew)

    assert "OVERLAY_MODEL" not in source.variables(None, own)
    assert source.problem(None, own) is None


def test_a_local_server_without_a_key_gets_none_of_the_operators(tmp_path: Path) -> None:
    crew = project(tmp_path, {"OPENAI_API_BASE": "http://127.0.0.1:9/v1", "MODEL": "llama"})

    given = variables(crew, operator(file={"OPENAI_API_KEY": "sk-operator"}))

    assert given["OPENAI_API_KEY"] == NO_KEY


def test_the_bots_own_env_file_is_not_a_projects(tmp_path: Path) -> None:
    crew = project(tmp_path, LOCAL)
    bots = replace(operator(file=LOCAL), env_file=str((tmp_path / ".env").resolve()))

    assert own_model(crew, bots) is None
