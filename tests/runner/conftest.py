"""One warm pool for the folder; tests that end or kill a pool bring their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from crew_runner.models.drafter.server import OfflineDrafter
from crew_runner.queues.local import LocalDispatch
from crew_runner.worker import WorkerPool
from tests.runner.desk import Desk, crew

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
    """A desk with a pool of workers, and the model that they use."""

    desk: Desk
    pool: WorkerPool
    model: OfflineDrafter
    folder: Path


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("runner")
    (folder / "temporary").mkdir()
    dispatch = LocalDispatch()
    desk = Desk(folder / "runner.db", lease=LEASE, dispatch=dispatch)
    with pytest.MonkeyPatch.context() as environment, OfflineDrafter() as model:
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
        yield Shop(desk, pool, model, folder)
        pool.stop(timedelta(seconds=4))
