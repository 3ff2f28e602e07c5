"""A phase that takes longer than its worker's lease."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from crew_runner.host.worker import WorkerPool
from storage.definitions import CrewDefinition, ModelSettings
from storage.states import ExecutionState
from tests.crew_runner.desk import Desk, program
from tests.support.processes import wait_until


@contextmanager
def working(desk: Desk, definition: CrewDefinition) -> Iterator[None]:
    pool = WorkerPool(
        state=desk.state,
        reads=desk.reads,
        model=ModelSettings(),
        crews={definition.name: definition},
        slots=2,
        lease=desk.lease,
    )
    pool.start()
    try:
        yield
    finally:
        pool.stop(timedelta(seconds=4))


def test_a_phase_that_outlasts_its_lease_stays_with_its_worker(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "leases.db", lease=timedelta(seconds=4.5))
    definition = program(tmp_path, ["run"])
    with working(desk, definition):
        run = desk.start(definition, "wait")
        wait_until(lambda: desk.runs(run)[0].fence > 0, within=30, what="the phase is claimed")
        first = desk.runs(run)[0].lease_until
        assert first is not None

        def held_longer() -> bool:
            return (desk.runs(run)[0].lease_until or first) > first

        wait_until(held_longer, within=30, what="the lease is renewed or taken")
        assert desk.runs(run)[0].fence == 1
        (tmp_path / "go").touch()

        assert desk.ended(run).state is ExecutionState.COMPLETED
        assert desk.runs(run)[0].fence == 1
