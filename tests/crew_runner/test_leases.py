"""A phase that takes longer than its worker's lease."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from crew_runner.host.worker import WorkerPool
from storage.definitions import CrewDefinition, ModelSettings
from storage.states import ExecutionState
from tests.crew_runner.harness import Harness, program
from tests.support.processes import wait_until


@contextmanager
def working(harness: Harness, definition: CrewDefinition) -> Iterator[None]:
    pool = WorkerPool(
        state=harness.state,
        reads=harness.reads,
        model=ModelSettings(),
        crews={definition.name: definition},
        slots=2,
        lease=harness.lease,
    )
    pool.start()
    try:
        yield
    finally:
        pool.stop(timedelta(seconds=4))


def test_a_phase_that_outlasts_its_lease_stays_with_its_worker(tmp_path: Path) -> None:
    harness = Harness(tmp_path / "leases.db", lease=timedelta(seconds=4.5))
    definition = program(tmp_path, ["run"])
    with working(harness, definition):
        run = harness.start(definition, "wait")
        wait_until(lambda: harness.runs(run)[0].fence > 0, within=30, what="the phase is claimed")
        first = harness.runs(run)[0].lease_until
        assert first is not None

        def renewed() -> bool:
            return (harness.runs(run)[0].lease_until or first) > first

        wait_until(renewed, within=30, what="the lease is renewed or taken")
        assert harness.runs(run)[0].fence == 1
        (tmp_path / "go").touch()

        assert harness.ended(run).state is ExecutionState.COMPLETED
        assert harness.runs(run)[0].fence == 1
