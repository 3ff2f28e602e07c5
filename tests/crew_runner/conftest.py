"""One warm pool for the folder; tests that end or kill a pool bring their own."""

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
from tests.crew_runner.desk import Desk, crew
from tests.support.drafter import WatchedDrafter
from tests.support.prefork_server import Forked, PreforkServer
from tests.support.preforked_fork_server import from_launchpad

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
"""What crews.yml names. Tests start these, and others too."""


@dataclass(frozen=True, slots=True)
class Shop:
    """A desk with a pool of workers, and the model that they use.

    `nurseries`: those that were forked, of which the last one lives.
    """

    desk: Desk
    pool: WorkerPool
    model: WatchedDrafter
    folder: Path
    nurseries: list[Forked]


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory, crew_launchpad: PreforkServer) -> Iterator[Shop]:
    with (
        from_launchpad(crew_launchpad) as nurseries,
        opened(tmp_path_factory.mktemp("runner"), nurseries) as shop,
    ):
        yield shop


@pytest.fixture
def new_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """One whose nursery is started as the product starts it, which takes seconds."""
    monkeypatch.setattr(fork_server_client, "subprocess", subprocess)
    with opened(tmp_path, []) as shop:
        yield shop


@contextmanager
def opened(folder: Path, nurseries: list[Forked]) -> Iterator[Shop]:
    (folder / "temporary").mkdir()
    dispatch = LocalDispatch()
    desk = Desk(folder / "runner.db", lease=LEASE, dispatch=dispatch)
    with pytest.MonkeyPatch.context() as environment, WatchedDrafter() as model:
        environment.setenv("SLACK_BOT_TOKEN", "xoxb-of-the-bot")
        environment.setenv("DATABASE_URL", desk.url)
        environment.setenv("TMPDIR", str(folder / "temporary"))
        environment.setenv("COUNTERSIGN_LEASE_SECONDS", "60")
        pool = WorkerPool(
            state=desk.state,
            reads=desk.reads,
            model=model.settings(),
            crews=CREWS,
            slots=3,
            lease=LEASE,
            environment={"TESTS_FOLDER": str(folder), "SLACK_APP_TOKEN": "xapp-from-a-file"},
        )
        dispatch.bind(pool)
        pool.start()
        yield Shop(desk, pool, model, folder, nurseries)
        pool.stop(timedelta(seconds=4))
