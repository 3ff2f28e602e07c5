"""The order of the tests, and which are left out because a browser or server is missing.

Also what the tests of a process share: a PostgreSQL server, and the processes that fork bots.
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
LONGEST: Final = ("e2e", "chaos", "storm", "bot", "crew_runner", "practice")
"""The folders whose files take long. They go first, so that no process is still busy with one at
the end while the others are idle."""

TOGETHER: Final = ("tests/practice/page/", "tests/crew_runner/models/")
"""The folders whose files run in one test process: they share a browser, or import CrewAI."""

_CHECKED_WITH: Final = {"test_systemd.py": "systemd", "test_compose.py": "docker-compose"}
"""The tools that check the files of docs/deploy."""


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server for the tests; each creates its own databases."""
    with Server() as server:
        yield server


@pytest.fixture(scope="session")
def launchpad(request: pytest.FixtureRequest) -> Iterator[PreforkServer]:
    """Forks bots, and other processes that do not need CrewAI."""
    with PreforkServer(at=_shared(request.config, "launchpad")) as opened:
        yield opened


@pytest.fixture(scope="session")
def crew_launchpad(request: pytest.FixtureRequest) -> Iterator[PreforkServer]:
    """Forks bots whose crews use CrewAI."""
    with PreforkServer(crewai=True, at=_shared(request.config, "crew_launchpad")) as opened:
        yield opened


def _shared(config: pytest.Config, name: str) -> str | None:
    """The socket of a launchpad that all test processes share; None if there is only one."""
    shared: dict[str, str] = getattr(config, "workerinput", {})
    return shared.get(name)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Import the bot and CrewAI once, and not in each test process."""
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
    """Two per core: tests wait for other processes half of the time."""
    return 2 * (os.cpu_count() or 1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Schedule by file if requested, and some folders as if they were one file."""
    return _ByFile(config, log) if config.getoption("dist") == "loadfile" else None


class _ByFile(LoadFileScheduling):  # type: ignore[misc]  # as above
    def _split_scope(self, nodeid: str) -> str:
        together = (folder for folder in TOGETHER if nodeid.startswith(folder))
        return next(together, None) or str(super()._split_scope(nodeid))


def pytest_collection_finish() -> None:
    """Exclude the collected tests from garbage collection, which would scan them every time."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=_place)
    there = {
        "chromium": browser_path(),
        "postgresql": programs(),
        "systemd": shutil.which("systemd-analyze"),
        "docker-compose": shutil.which("docker-compose"),
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
    """The Debian packages that the test needs."""
    if item.get_closest_marker("browser") is not None:
        yield "chromium"
    if item.path.name in _CHECKED_WITH:
        yield _CHECKED_WITH[item.path.name]
    chosen = getattr(item, "callspec", None)
    variant = "" if chosen is None else str(chosen.id)
    asked = getattr(item, "fixturenames", ())
    if "postgresql" in variant or "queues" in item.path.parts or "server" in asked:
        yield "postgresql"


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
