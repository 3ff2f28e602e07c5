"""A crew with a project runs in the folder and environment that CrewAI's own command gives it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crew_runner.child.withheld import Withheld
from crew_runner.host.worker import WorkerPool
from crew_runner.queues.local import LocalDispatch
from storage.definitions import CrewDefinition, CrewKind, Workspace
from storage.states import ExecutionState
from tests.crew_runner.harness import Harness
from tests.support.drafter import WatchedDrafter
from tests.support.prefork_server import PreforkServer
from tests.support.preforked_fork_server import from_prefork_server
from tests.support.processes import ROOT
from tests.support.providers import OPENAI, ProviderServer

TOKEN = "xoxb-of-the-bot"
DATABASE = "postgresql://bot:password@host/countersign"

REPORTER = '''
"""A crew whose model answers with what the crew's process sees."""
import json
import os
import sys
import threading
from pathlib import Path

import dotenv
from crewai import Agent, Crew, Task
from crewai.llms.base_llm import BaseLLM

import tools

IMPORTED_IN = os.getcwd()
SEEN_AT_IMPORT = dict(os.environ)


def in_thread(function):
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


class Reporter(BaseLLM):
    def call(self, *_asked, **_named):
        report = {
            "imported_in": IMPORTED_IN,
            "seen_at_import": SEEN_AT_IMPORT,
            "folder": os.getcwd(),
            "environment": dict(os.environ),
            "path": sys.path,
            "main": sys.modules["__main__"].__file__,
            "arguments": sys.argv,
            "tools": tools.NAME,
            "knowledge": Path("knowledge/facts.txt").read_text(),
            "dotenv": dotenv.find_dotenv(),
            "dotenv_in_thread": in_thread(dotenv.find_dotenv),
            "dotenv_in_folder": dotenv.find_dotenv(usecwd=True),
            "dotenv_values": dict(dotenv.dotenv_values()),
        }
        return "Thought: done\\nFinal Answer: " + json.dumps(report)


def crew():
    agent = Agent(role="Reporter", goal="g", backstory="b", llm=Reporter(model="own"))
    task = Task(name="report", description="Report.", expected_output="x", agent=agent)
    return Crew(agents=[agent], tasks=[task])
'''


@dataclass(frozen=True, slots=True)
class Runner:
    """`bot_folder`: the working directory of the bot."""

    harness: Harness
    model: WatchedDrafter
    bot_folder: Path

    def report(self, project: Path, **more: Any) -> dict[str, Any]:
        """Run the reporter of the project, and return what it saw."""
        definition = CrewDefinition(
            "report", CrewKind.CREW, target="crew:crew", project=str(project), **more
        )
        ended = self.harness.ended(self.harness.start(definition, "a report"))
        assert ended.state is ExecutionState.COMPLETED, ended.error
        assert ended.result is not None
        report: dict[str, Any] = json.loads(ended.result.output)
        return report


@pytest.fixture(scope="module")
def runner(
    tmp_path_factory: pytest.TempPathFactory, crewai_prefork_server: PreforkServer
) -> Iterator[Runner]:
    folder = tmp_path_factory.mktemp("bot")
    (folder / ".env").write_text(f"SLACK_BOT_TOKEN={TOKEN}\nDATABASE_URL={DATABASE}\nCITY=Ulm\n")
    dispatch = LocalDispatch()
    harness = Harness(folder / "runner.db", dispatch=dispatch)
    with (
        from_prefork_server(crewai_prefork_server),
        WatchedDrafter() as model,
        pytest.MonkeyPatch.context() as bot,
    ):
        bot.chdir(folder)
        bot.setenv("SLACK_BOT_TOKEN", TOKEN)
        bot.setenv("FROM", "environment")
        pool = WorkerPool(
            state=harness.state,
            reads=harness.reads,
            model=model.settings(),
            crews={},
            slots=2,
            lease=harness.lease,
            environment={"FROM": "the bot's .env", "CITY": "Ulm", "LAKE": "the bot's"},
            withheld=Withheld.of([TOKEN, DATABASE], [str(folder / ".env")]),
        )
        dispatch.bind(pool)
        pool.start()
        yield Runner(harness, model, folder)
        pool.stop(timedelta(seconds=4))


def project_in(folder: Path, *, tools: str = "its own", env: Mapping[str, str] = {}) -> Path:
    (folder / "src").mkdir(parents=True)
    (folder / "knowledge").mkdir()
    (folder / "src" / "crew.py").write_text(REPORTER)
    (folder / "tools.py").write_text(f"NAME = {tools!r}\n")
    (folder / "knowledge" / "facts.txt").write_text(f"facts of {tools}")
    (folder / "main.py").write_text("raise RuntimeError('a file that nobody imports')\n")
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in env.items()))
    return folder


@pytest.mark.parametrize("workspace", Workspace)
def test_the_workspace_is_the_working_directory_and_comes_first_on_the_path(
    runner: Runner, tmp_path: Path, workspace: Workspace
) -> None:
    origin = project_in(tmp_path / "project")

    report = runner.report(origin, workspace=workspace)

    project = Path(report["folder"])
    assert (project == origin) is (workspace is Workspace.SHARED)
    assert report["imported_in"] == report["folder"]
    assert report["path"][:2] == [str(project / "src"), str(project)]
    assert report["knowledge"] == "facts of its own"
    assert report["main"] == str(project / "main.py")
    assert report["arguments"] == [report["main"]]


def test_two_projects_with_equal_module_names_do_not_meet(runner: Runner, tmp_path: Path) -> None:
    one = project_in(tmp_path / "one", tools="one")
    other = project_in(tmp_path / "other", tools="other")

    assert [runner.report(each)["tools"] for each in (one, other, one)] == ["one", "other", "one"]


def test_the_environment_wins_over_the_projects_env_file_and_that_over_the_bots(
    runner: Runner, tmp_path: Path
) -> None:
    env = {"FROM": "the project's .env", "LAKE": "the project's .env", "SEA": "x", "PORT": "x"}
    project = project_in(tmp_path / "project", env=env)

    report = runner.report(project, env={"PORT": "crews.yml", "FROM": "crews.yml"})
    without = runner.report(project)

    seen = report["seen_at_import"]
    names = ("FROM", "LAKE", "CITY", "SEA", "PORT")
    assert [seen[name] for name in names] == [
        "crews.yml",
        "the project's .env",
        "Ulm",
        "x",
        "crews.yml",
    ]
    assert without["seen_at_import"]["FROM"] == "environment"


def test_the_environment_wins_over_the_bots_env_file_without_a_project(runner: Runner) -> None:
    (runner.bot_folder / "alone.py").write_text(
        REPORTER.replace("import tools\n", "")
        .replace("tools.NAME", "''")
        .replace('Path("knowledge/facts.txt").read_text()', "''")
    )
    definition = CrewDefinition("report", CrewKind.CREW, target="alone:crew", env={"PORT": "own"})
    ended = runner.harness.ended(runner.harness.start(definition, "a report"))

    assert ended.result is not None, ended.error
    seen = json.loads(ended.result.output)["seen_at_import"]
    assert [seen[name] for name in ("FROM", "CITY", "PORT")] == ["environment", "Ulm", "own"]


def test_a_crews_own_token_and_database_stay_and_the_bots_do_not(
    runner: Runner, tmp_path: Path
) -> None:
    own = {"SLACK_BOT_TOKEN": "xoxb-of-the-crew", "DATABASE_URL": "sqlite:///crew.db"}
    project = project_in(tmp_path / "project", env={**own, "COPY": TOKEN, "COUNTERSIGN_X": "own"})

    report = runner.report(project, env={"SLACK_SIGNING_SECRET": "of the crew", "LEAK": DATABASE})

    for environment in (report["seen_at_import"], report["environment"]):
        assert {name: environment[name] for name in own} == own
        assert environment["COUNTERSIGN_X"] == "own"
        assert environment["SLACK_SIGNING_SECRET"] == "of the crew"
        assert not {"COPY", "LEAK"} & set(environment)
        assert not {TOKEN, DATABASE} & set(environment.values())


def test_dotenv_finds_the_projects_file_from_its_modules_and_threads(
    runner: Runner, tmp_path: Path
) -> None:
    project = project_in(tmp_path / "project", env={"SEA": "Baltic"})

    report = runner.report(project)

    file = str(Path(report["folder"]) / ".env")
    assert report["dotenv"] == report["dotenv_in_thread"] == report["dotenv_in_folder"] == file
    assert report["dotenv_values"] == {"SEA": "Baltic"}


def test_variables_in_a_folder_above_the_project_are_loaded(runner: Runner, tmp_path: Path) -> None:
    project = project_in(tmp_path / "all" / "project")
    (project / ".env").unlink()
    (tmp_path / "all" / ".env").write_text("SEA=North\n")

    assert runner.report(project)["seen_at_import"]["SEA"] == "North"


def test_a_project_in_the_bots_folder_gets_what_the_bot_passes_on(runner: Runner) -> None:
    project = project_in(runner.bot_folder / "project")
    (project / ".env").unlink()

    report = runner.report(project, workspace=Workspace.SHARED)

    assert report["dotenv"] == str(runner.bot_folder / ".env")
    assert report["dotenv_values"]["CITY"] == report["environment"]["CITY"] == "Ulm"
    assert not {TOKEN, DATABASE} & set(report["dotenv_values"].values())
    assert not {TOKEN, DATABASE} & set(report["environment"].values())


def test_a_project_that_does_not_exist_is_said_in_words(runner: Runner, tmp_path: Path) -> None:
    definition = CrewDefinition(
        "report", CrewKind.CREW, target="crew:crew", project=str(tmp_path / "gone")
    )
    ended = runner.harness.ended(runner.harness.start(definition, "a report"))

    assert ended.error is not None
    gone = tmp_path / "gone"
    assert ended.error == f"The project's folder {gone} does not exist. Fix `project` in crews.yml."


PLAIN = """
from crewai import Agent, Crew, Task


def crew():
    agent = Agent(role="Writer", goal="g", backstory="b")
    task = Task(name="write", description="Write a poem.", expected_output="x", agent=agent)
    return Crew(agents=[agent], tasks=[task])
"""


def test_a_project_that_is_local_under_plain_crewai_asks_its_own_server_and_no_other(
    runner: Runner, tmp_path: Path
) -> None:
    project = project_in(tmp_path / "project")
    (project / "src" / "crew.py").write_text(PLAIN)
    with ProviderServer(OPENAI, "lm-studio") as local:
        (project / ".env").write_text(
            f"OPENAI_API_KEY=lm-studio\nOPENAI_API_BASE={local.base_url}\n"
            "OPENAI_MODEL_NAME=local-llama\n"
        )
        asked_before = runner.model.calls
        definition = CrewDefinition(
            "local", CrewKind.CREW, target="crew:crew", project=str(project)
        )
        ended = runner.harness.ended(runner.harness.start(definition, "a poem"))

    assert ended.state is ExecutionState.COMPLETED, ended.error
    assert {(each.key, each.model) for each in local.asked} == {("lm-studio", "local-llama")}
    assert runner.model.calls == asked_before


@pytest.mark.parametrize("inside", [False, True])
def test_no_search_from_a_project_finds_the_bots_secrets(
    runner: Runner, tmp_path: Path, inside: bool
) -> None:
    project = (runner.bot_folder if inside else tmp_path) / "burglar"
    project.mkdir()
    shutil.copy(ROOT / "tests" / "support" / "secret_search_crew.py", project / "burglar.py")
    definition = CrewDefinition("gang", CrewKind.CREW, target="burglar:gang", project=str(project))
    ended = runner.harness.ended(runner.harness.start(definition, "find secrets"))

    assert ended.result is not None, ended.error
    loot = json.loads(ended.result.output)
    for entries in (loot["found"], loot["built"]):
        assert any(entry.startswith("PATH=") for entry in entries)
        assert not [entry for entry in entries if TOKEN in entry or DATABASE in entry]
