"""A project's fork server imports once what all its children need."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from crew_runner.child import import_watch
from crew_runner.child.messages import Job
from crew_runner.child.records import CrewKind as ChildCrewKind
from crew_runner.host import fork_server_client
from crew_runner.host.crew_check import check_crew
from crew_runner.host.fork_servers import ForkServers
from crew_runner.host.jobs import check_job
from storage.definitions import CrewDefinition, CrewKind
from tests.support.prefork_server import PreforkServer
from tests.support.preforked_fork_server import from_prefork_server
from tests.support.processes import wait_until

RECORD = "import os\nwith open(os.environ['IMPORTS'], 'a') as file: file.write(__name__ + ' ')\n"
SLOW = (
    RECORD + "import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass\n"
)
"""Takes half a second of a processor, however busy the machine is."""
CREW = """
from crewai import Agent, Crew, Task
from crewai.llms.base_llm import BaseLLM


class Reciter(BaseLLM):
    def call(self, *_asked, **_named):
        return "Final Answer: done"


def recital():
    agent = Agent(role="Reciter", goal="g", backstory="b", llm=Reciter(model="own"))
    task = Task(name="recite", description="Recite", expected_output="x", agent=agent)
    return Crew(agents=[agent], tasks=[task])
"""


class Project:
    """A project, and the packages that it has installed."""

    def __init__(self, folder: Path, servers: ForkServers, monkeypatch: pytest.MonkeyPatch) -> None:
        self.packages = folder / "packages"
        self.own = folder / "project"
        self._imports = folder / "imports"
        self._servers = servers
        for each in (self.packages, self.own):
            each.mkdir()
        monkeypatch.setenv("PYTHONPATH", f"{self.packages}:{self.own}")
        monkeypatch.setenv("IMPORTS", str(self._imports))
        (self.own / "recital.py").write_text(RECORD + "import helper\n" + CREW)
        (self.own / "helper.py").write_text(RECORD)

    def build(self, **variables: str) -> list[str]:
        """Build the crew in a new child; the modules that this child had to import."""
        self._imports.unlink(missing_ok=True)
        definition = CrewDefinition(
            "recital",
            CrewKind.CREW,
            target="recital:recital",
            project=str(self.own),
            python=sys.executable,
        )
        with (
            self._servers.job_directory(definition) as directory,
            closing(self._servers.fork(definition)) as child,
        ):
            job = check_job(definition, model={}, extra=variables, storage=str(directory))
            learn = partial(self._servers.learn, definition)
            report, detail = check_crew(definition, job, child, learn=learn)
        assert report.problem is None, f"{report.problem} {detail}"
        imported = self._imports.read_text().split() if self._imports.exists() else []
        wait_until(lambda: not self._servers.is_warming, within=90, what="no fork server starts")
        return imported


@pytest.fixture
def servers(crewai_prefork_server: PreforkServer) -> Iterator[ForkServers]:
    with from_prefork_server(crewai_prefork_server):
        servers = ForkServers(preload=True, start_shared=False)
        yield servers
        servers.stop()


@pytest.fixture
def project(servers: ForkServers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(tmp_path, servers, monkeypatch)


def test_an_installed_package_is_imported_once(project: Project) -> None:
    (project.packages / "installed.py").write_text(RECORD)
    (project.own / "helper.py").write_text(RECORD + "import installed\n")

    assert project.build() == ["recital", "helper", "installed"]
    assert project.build() == ["recital", "helper"]


def test_slow_modules_of_the_project_are_imported_once(project: Project) -> None:
    (project.own / "helper.py").write_text(SLOW)

    builds = [project.build() for _time in range(3)]

    assert builds[0] == ["recital", "helper"]
    assert builds[-1] == []


def test_quick_modules_of_the_project_are_imported_by_each_child(project: Project) -> None:
    for _time in range(4):
        assert project.build() == ["recital", "helper"]


@pytest.mark.parametrize(
    "code",
    [
        "import os\nTEAM = os.environ.get('TEAM', '')",
        "import os\nEVERYTHING = dict(os.environ)",
        "from crewai import Agent\nAGENT = Agent(role='r', goal='g', backstory='b', llm='gpt-4o')",
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()",
        "import os\nFOLDERS = [os.path.dirname(__file__) + '/output']",
    ],
    ids=["reads a variable", "reads every variable", "an agent", "a thread", "a list of paths"],
)
def test_slow_modules_that_belong_to_one_run_are_imported_by_each_child(
    project: Project, code: str
) -> None:
    (project.own / "helper.py").write_text(f"{SLOW}{code}\n")

    for _time in range(4):
        assert project.build(TEAM="blue", OPENAI_API_KEY="sk-none") == ["recital", "helper"]


def test_a_package_that_reads_a_variable_of_the_child_is_imported_by_each_child(
    project: Project,
) -> None:
    (project.packages / "installed.py").write_text(f"{RECORD}TEAM = os.environ['TEAM']\n")
    (project.packages / "outer.py").write_text(f"{RECORD}import installed\n")
    (project.packages / "other.py").write_text(RECORD)
    (project.own / "helper.py").write_text("import outer, other\n")

    assert project.build(TEAM="blue") == ["recital", "outer", "installed", "other"]
    assert project.build(TEAM="red") == ["recital", "outer", "installed"]


def test_changed_modules_of_the_project_are_imported_again(project: Project) -> None:
    (project.own / "helper.py").write_text(SLOW)
    for _time in range(3):
        project.build()

    (project.own / "helper.py").write_text(f"{SLOW}# changed\n")

    assert project.build() == ["recital", "helper"]


def test_a_package_that_leaves_a_thread_is_imported_by_each_child(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fork_server_client, "subprocess", subprocess)  # it starts over
    (project.packages / "threaded.py").write_text(
        f"{RECORD}import threading\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    (project.packages / "plain.py").write_text(RECORD)
    (project.own / "helper.py").write_text("import threaded, plain\n")

    assert project.build() == ["recital", "threaded", "plain"]
    assert project.build() == ["recital", "threaded"]


def test_shared_modules_point_at_the_working_copy_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin, copy = tmp_path / "origin", tmp_path / "copy"
    module = types.ModuleType("shared_module")
    module.__file__ = str(origin / "shared_module" / "__init__.py")
    module.__path__ = [str(origin / "shared_module")]
    vars(module).update(
        FOLDER=origin / "output",
        TEXT=str(origin / "prompts" / "a.md"),
        ELSEWHERE="/etc/hosts",
        Crew=type("Crew", (), {"__module__": "shared_module", "base_directory": origin}),
    )
    monkeypatch.setitem(sys.modules, "shared_module", module)

    import_watch.use_working_copy(Job(ChildCrewKind.CREW, project=str(copy), origin=str(origin)))

    assert module.__file__ == str(copy / "shared_module" / "__init__.py")
    assert module.__path__ == [str(copy / "shared_module")]
    assert vars(module)["FOLDER"] == copy / "output"
    assert vars(module)["TEXT"] == str(copy / "prompts" / "a.md")
    assert vars(module)["ELSEWHERE"] == "/etc/hosts"
    assert vars(module)["Crew"].base_directory == copy
