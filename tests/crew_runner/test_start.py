"""A project with modules that have the same names as ours."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from crew_runner.host import fork_server_client
from storage.definitions import CrewDefinition, CrewKind
from tests.crew_runner.conftest import opened

CREW = '''
"""A crew with its own helper modules."""
import bot
import storage
import tests.samples
from crewai import Agent, Crew, Task
from crewai.llms.base_llm import BaseLLM


class Reciter(BaseLLM):
    def call(self, *_asked, **_named):
        answers = storage.save(), bot.ask(), tests.samples.sample()
        return "Thought: done\\nFinal Answer: " + " ".join(answers)


def recital():
    agent = Agent(role="Reciter", goal="g", backstory="b", llm=Reciter(model="own"))
    task = Task(name="recite", description="Recite {user_input}", expected_output="x", agent=agent)
    return Crew(agents=[agent], tasks=[task])
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project on PYTHONPATH with a module `storage` and packages `bot` and `tests`."""
    folder = tmp_path / "project"
    for package in ("acme", "bot", "tests"):
        (folder / package).mkdir(parents=True)
    (folder / "acme" / "crew.py").write_text(CREW)
    (folder / "storage.py").write_text("def save():\n    return 'saved'\n")
    (folder / "bot" / "__init__.py").write_text("def ask():\n    return 'asked'\n")
    (folder / "tests" / "__init__.py").touch()
    (folder / "tests" / "samples.py").write_text("def sample():\n    return 'sampled'\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


@pytest.mark.parametrize(
    ("started_in", "tests_are"),
    [
        ("our folder", "a package"),
        ("our folder", "a folder"),
        ("the project's folder", "a package"),
    ],
)
def test_a_project_with_modules_named_storage_bot_and_tests_runs(
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    started_in: str,
    tests_are: str,
) -> None:
    if tests_are == "a folder":
        (project / "tests" / "__init__.py").unlink()
    monkeypatch.setattr(fork_server_client, "subprocess", subprocess)
    if started_in == "the project's folder":
        monkeypatch.chdir(project)
    definition = CrewDefinition("recital", CrewKind.CREW, target="acme.crew:recital")
    with opened(tmp_path, []) as runner:
        ended = runner.harness.ended(runner.harness.start(definition, "a poem"))

    assert ended.error is None
    assert ended.result is not None
    assert ended.result.output == "saved asked sampled"
