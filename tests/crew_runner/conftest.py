"""One warm pool for the package; tests that stop or kill a pool start their own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from crew_runner.host import fork_server_client
from crew_runner.host.worker import WorkerPool
from crew_runner.queues.local import LocalDispatch
from tests.crew_runner.harness import Harness, crew
from tests.support.drafter import WatchedDrafter
from tests.support.prefork_server import Forked, PreforkServer
from tests.support.preforked_fork_server import from_prefork_server

LEASE = timedelta(seconds=60)
CREWS = {
    each.name: each
    for each in (
        crew("three_tasks", {"all": ["gather", "weigh", "write"]}, "all"),
        replace(crew("three_tasks", None, "way"), name="describes"),
        crew("cannot_be_built"),
        crew("AFlow"),
        crew("unnamed", {"one": ["task_1", "lost"]}),
    )
}
"""The crews of crews.yml. Tests start these and others."""


@dataclass(frozen=True, slots=True)
class RunnerFixture:
    """A harness with a pool of workers and the model that they use.

    `fork_servers`: those that were forked, of which the last one is alive.
    """

    harness: Harness
    pool: WorkerPool
    model: WatchedDrafter
    folder: Path
    fork_servers: list[Forked]


@pytest.fixture(scope="package")
def runner(
    tmp_path_factory: pytest.TempPathFactory, crewai_prefork_server: PreforkServer
) -> Iterator[RunnerFixture]:
    with (
        from_prefork_server(crewai_prefork_server) as fork_servers,
        opened(tmp_path_factory.mktemp("runner"), fork_servers) as runner,
    ):
        yield runner


@pytest.fixture
def fresh_runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunnerFixture]:
    """A runner whose fork server starts as in the product, which takes seconds."""
    monkeypatch.setattr(fork_server_client, "subprocess", subprocess)
    with opened(tmp_path, []) as runner:
        yield runner


@contextmanager
def opened(folder: Path, fork_servers: list[Forked]) -> Iterator[RunnerFixture]:
    (folder / "temporary").mkdir()
    dispatch = LocalDispatch()
    harness = Harness(folder / "runner.db", lease=LEASE, dispatch=dispatch)
    with pytest.MonkeyPatch.context() as environment, WatchedDrafter() as model:
        environment.setenv("SLACK_BOT_TOKEN", "xoxb-of-the-bot")
        environment.setenv("DATABASE_URL", harness.url)
        environment.setenv("TMPDIR", str(folder / "temporary"))
        environment.setenv("COUNTERSIGN_LEASE_SECONDS", "60")
        pool = WorkerPool(
            state=harness.state,
            reads=harness.reads,
            model=model.settings(),
            crews=CREWS,
            slots=3,
            lease=LEASE,
            environment={"TESTS_FOLDER": str(folder), "SLACK_APP_TOKEN": "xapp-from-a-file"},
        )
        dispatch.bind(pool)
        pool.start()
        yield RunnerFixture(harness, pool, model, folder, fork_servers)
        pool.stop(timedelta(seconds=4))
