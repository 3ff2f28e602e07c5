"""The order of the tests; those whose browser or server is not there are left out, and named.

What all tests share is here, too, one for each process of tests: a server of PostgreSQL, and what
bots are forked from.
"""

from __future__ import annotations

import gc
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]  # it ships no types
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]
from xdist.workermanage import WorkerController  # type: ignore[import-untyped]

from tests.support.browser import browser_path
from tests.support.postgres import Server, programs
from tests.support.prefork_server import PreforkServer

LEFT_OUT = pytest.StashKey[Counter[str]]()
OPENED = pytest.StashKey[ExitStack]()
SHARED = pytest.StashKey[dict[str, PreforkServer]]()
LONGEST: Final = ("e2e", "trouble", "crew_runner", "clients", "bot", "practice")
"""The folders whose files take long. They go first, so that no process is left with one at the
end while the others have nothing to do."""

TOGETHER: Final = ("tests/practice/page/", "tests/crew_runner/models/", "tests/clients/")
"""The folders whose files one process of tests takes: all want a browser or the same npm package,
or import CrewAI."""

_CHECKED_WITH: Final = {"test_systemd.py": "systemd", "test_compose.py": "docker-compose"}
"""The tools that check the files of docs/deploy."""


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL of the tests' own; each asks it for databases of its own."""
    with Server() as server:
        yield server


@pytest.fixture(scope="session")
def prefork_server(request: pytest.FixtureRequest) -> Iterator[PreforkServer]:
    """For bots, and for whatever else runs as a process and asks nothing of CrewAI."""
    with PreforkServer(at=_shared(request.config, "launchpad")) as opened:
        yield opened


@pytest.fixture(scope="session")
def crewai_prefork_server(request: pytest.FixtureRequest) -> Iterator[PreforkServer]:
    """For those whose crews are CrewAI's."""
    with PreforkServer(crewai=True, at=_shared(request.config, "crew_launchpad")) as opened:
        yield opened


def _shared(config: pytest.Config, name: str) -> str | None:
    """The place of what all processes of tests share, where there are several."""
    told: dict[str, str] = getattr(config, "workerinput", {})
    return told.get(name)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """What imports for seconds does so once, and not in each process of tests."""
    opened = config.stash[OPENED] = ExitStack()
    config.stash[SHARED] = {
        "launchpad": opened.enter_context(PreforkServer()),
        "crew_launchpad": opened.enter_context(PreforkServer(crewai=True)),
    }
    for shared in config.stash[SHARED].values():
        shared.start()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    shared = node.config.stash[SHARED]
    node.workerinput.update({name: each.place for name, each in shared.items()})


def pytest_unconfigure(config: pytest.Config) -> None:
    if (opened := config.stash.get(OPENED, None)) is not None:
        opened.close()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two a core: tests wait for other processes half of the time."""
    return 2 * (os.cpu_count() or 1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """By files, where that was asked for, and some folders as if they were one."""
    return _ByFile(config, log) if config.getoption("dist") == "loadfile" else None


class _ByFile(LoadFileScheduling):  # type: ignore[misc]  # as above
    def _split_scope(self, nodeid: str) -> str:
        together = (folder for folder in TOGETHER if nodeid.startswith(folder))
        return next(together, None) or str(super()._split_scope(nodeid))


def pytest_collection_finish() -> None:
    """What the tests are made of stays: a garbage collection need not look at it every time."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=_place)
    there = {
        "chromium": browser_path(),
        "postgresql": programs(),
        "systemd": shutil.which("systemd-analyze"),
        "docker-compose": shutil.which("docker-compose"),
        "npm": shutil.which("node") and shutil.which("npm"),
    }
    left_out: Counter[str] = Counter()
    kept = []
    for item in items:
        missing = next((name for name in _needed(item) if not there[name]), None)
        if missing is None:
            kept.append(item)
        else:
            left_out[missing] += 1
    config.stash[LEFT_OUT] = left_out
    items[:] = kept


def _needed(item: pytest.Item) -> Iterator[str]:
    """The Debian packages without which it cannot run."""
    if item.get_closest_marker("browser") is not None:
        yield "chromium"
    if item.path.name in _CHECKED_WITH:
        yield _CHECKED_WITH[item.path.name]
    chosen = getattr(item, "callspec", None)
    variant = "" if chosen is None else str(chosen.id)
    asked = getattr(item, "fixturenames", ())
    if "postgresql" in variant or "queues" in item.path.parts or "server" in asked:
        yield "postgresql"
    if "slack_types" in asked or "web_package" in asked:
        yield "npm"


def _place(item: pytest.Item) -> int:
    folder = item.path.relative_to(item.config.rootpath / "tests").parts[0]
    return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for package, tests in config.stash.get(LEFT_OUT, Counter()).items():
        terminalreporter.write_line(
            f"{tests} tests left out that need {package} (apt-get install {package})"
        )
