"""Each project's environment has a fork server of its own."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from crew_runner.child.messages import Ready, from_child
from crew_runner.host import fork_server_client, fork_servers
from crew_runner.host.fork_server_client import EnvironmentUnusable
from crew_runner.host.fork_servers import ForkServers, environment_of
from storage.definitions import CrewDefinition, CrewKind
from tests.support.processes import alive, wait_until


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[ForkServers]:
    """Real fork servers, which do not import CrewAI first: that takes seconds."""
    monkeypatch.setattr(fork_server_client, "PRELOADED", "_countersign.environment")
    monkeypatch.setattr(fork_server_client, "subprocess", subprocess)
    servers = ForkServers(preload=False, start_shared=False)
    yield servers
    servers.stop()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose environment has CrewAI."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text("[project]\nname = 'demo'\n")
    make_environment(folder / ".venv")
    packages = next((folder / ".venv").glob("lib/python3.*/site-packages"))
    (packages / "ours.pth").write_text(
        next(entry for entry in sys.path if entry.endswith("site-packages")) + "\n"
    )
    return folder


def make_environment(folder: Path) -> None:
    venv.create(folder, with_pip=False, symlinks=True)


def crew_of(project: Path | None, **more: object) -> CrewDefinition:
    return CrewDefinition(
        "demo",
        CrewKind.CREW,
        target="demo.crew:Demo",
        project=None if project is None else str(project),
        **more,  # type: ignore[arg-type] # any other field
    )


def parent_of(servers: ForkServers, definition: CrewDefinition) -> psutil.Process:
    """The fork server of a crew, which forks a child for that."""
    with closing(servers.fork(definition)) as child:
        assert child.channel.poll(60)
        assert from_child(child.channel.recv_bytes()) == Ready()
        parent = psutil.Process(child.read_pid()).parent()
    assert parent is not None
    return parent


def test_a_project_runs_under_its_own_interpreter_and_other_crews_under_ours(
    servers: ForkServers, project: Path
) -> None:
    own = parent_of(servers, crew_of(project))
    shared = parent_of(servers, crew_of(None))

    assert own.cmdline()[0] == str(project / ".venv" / "bin" / "python")
    assert shared.cmdline()[0] == sys.executable
    assert own.environ()["VIRTUAL_ENV"] == str(project / ".venv")
    assert own.environ()["PATH"].startswith(f"{project}/.venv/bin:")


def test_a_project_is_not_started_in_the_folder_of_the_bot(
    servers: ForkServers, project: Path
) -> None:
    own = parent_of(servers, crew_of(project))

    assert Path(own.cwd()).name.startswith("countersign-jobs-")


def test_projects_without_an_environment_start_from_the_shared_fork_server(
    servers: ForkServers, tmp_path: Path
) -> None:
    shared = parent_of(servers, crew_of(None))

    assert parent_of(servers, crew_of(tmp_path / "one")) == shared
    assert parent_of(servers, crew_of(tmp_path / "two")) == shared


def test_crews_of_one_project_share_its_fork_server(servers: ForkServers, project: Path) -> None:
    assert parent_of(servers, crew_of(project)) == parent_of(servers, crew_of(project))


@pytest.mark.parametrize(
    ("python", "expected"),
    [
        (None, "{project}/.venv/bin/python"),
        ("env/bin/python", "{project}/env/bin/python"),
        ("/opt/python", "/opt/python"),
    ],
)
def test_the_interpreter_is_found_in_the_project(
    project: Path, python: str | None, expected: str
) -> None:
    environment = environment_of(crew_of(project, python=python))

    assert environment is not None
    assert environment.python == expected.format(project=project)


def test_a_project_without_an_environment_has_ours(tmp_path: Path) -> None:
    environment = environment_of(crew_of(tmp_path))

    assert environment is not None
    assert environment.python == sys.executable


def test_a_program_and_a_crew_without_a_project_share_our_environment(project: Path) -> None:
    program = CrewDefinition("demo", CrewKind.COMMAND, command=("true",), project=str(project))

    assert environment_of(program) is None
    assert environment_of(crew_of(None)) is None


def test_an_environment_without_crewai_says_what_to_do(
    servers: ForkServers, tmp_path: Path
) -> None:
    make_environment(tmp_path / ".venv")

    with pytest.raises(EnvironmentUnusable) as refused:
        servers.fork(crew_of(tmp_path))

    assert str(refused.value) == (
        f"crewai is not installed in {tmp_path}/.venv: run `uv sync` or `crewai install` in the "
        "project."
    )


def test_an_environment_with_an_ancient_crewai_says_which_is_needed(
    servers: ForkServers, tmp_path: Path
) -> None:
    make_environment(tmp_path / ".venv")
    install_crewai_metadata(tmp_path / ".venv", "0.150.0")

    with pytest.raises(EnvironmentUnusable) as refused:
        servers.fork(crew_of(tmp_path))

    assert str(refused.value) == (
        f"CrewAI 0.150.0 in {tmp_path}/.venv is too old. Use 1.8 or newer: run "
        "`uv add 'crewai>=1.8'` in the project."
    )


def test_an_environment_whose_crewai_is_broken_says_so(
    servers: ForkServers, tmp_path: Path
) -> None:
    make_environment(tmp_path / ".venv")
    install_crewai_metadata(tmp_path / ".venv", "1.9.0")

    with pytest.raises(EnvironmentUnusable) as refused:
        servers.fork(crew_of(tmp_path))

    assert str(refused.value).startswith(
        f"CrewAI cannot be imported in {tmp_path}/.venv: ModuleNotFoundError: No module named "
    )


def install_crewai_metadata(environment: Path, version: str) -> None:
    packages = next(environment.glob("lib/python3.*/site-packages"))
    folder = packages / f"crewai-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: crewai\nVersion: {version}\n")


def test_an_environment_without_an_interpreter_says_what_to_do(
    servers: ForkServers, tmp_path: Path
) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)

    with pytest.raises(EnvironmentUnusable) as refused:
        servers.fork(crew_of(tmp_path))

    assert str(refused.value) == (
        f"The crew's Python, {tmp_path}/.venv/bin/python, does not start: No such file or "
        "directory. Run `uv sync` or `crewai install` in the project."
    )


def test_an_environment_that_was_repaired_is_used(servers: ForkServers, project: Path) -> None:
    packages = next((project / ".venv").glob("lib/python3.*/site-packages"))
    ours = (packages / "ours.pth").read_text()
    (packages / "ours.pth").unlink()
    with pytest.raises(EnvironmentUnusable):
        servers.fork(crew_of(project))

    (packages / "ours.pth").write_text(ours)

    assert parent_of(servers, crew_of(project)).is_running()


def test_a_changed_environment_gets_a_new_fork_server_and_running_children_finish(
    servers: ForkServers, project: Path
) -> None:
    with servers.job_directory(crew_of(project)) as directory:
        child = servers.fork(crew_of(project))
        assert child.channel.poll(60)
        running = psutil.Process(child.read_pid())
        before = running.parent()
        assert before is not None

        (project / "uv.lock").write_text("version = 2\n")
        after = parent_of(servers, crew_of(project))

        assert after != before
        assert alive([running, before]) == [running, before]
        assert directory.exists()
        child.close()
    wait_until(lambda: not alive([before]), within=10, what="the old fork server ends")


def test_a_project_that_is_idle_has_no_fork_server(
    servers: ForkServers, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = parent_of(servers, crew_of(project))
    shared = parent_of(servers, crew_of(None))
    servers.stop_idle()
    assert alive([own, shared]) == [own, shared]

    monkeypatch.setattr(fork_servers, "IDLE_SECONDS", 0.0)
    servers.stop_idle()

    assert alive([own, shared]) == [shared]
    assert parent_of(servers, crew_of(project)) != own


def test_stopping_ends_every_fork_server(servers: ForkServers, project: Path) -> None:
    own = parent_of(servers, crew_of(project))
    shared = parent_of(servers, crew_of(None))

    servers.stop()

    assert alive([own, shared]) == []
