"""Workers during a database outage, and waking them."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from crew_runner.host.outage import Outage, call_storage, call_storage_with_retry
from crew_runner.host.worker import WorkerPool
from crew_runner.queues.local import LocalDispatch
from storage.definitions import ModelSettings
from storage.errors import Busy, LeaseLost
from storage.states import ExecutionState
from tests.crew_runner.harness import Harness, program
from tests.support.processes import wait_until


@contextmanager
def working(
    harness: Harness, dispatch: LocalDispatch | None = None, poll: float = 0.1
) -> Iterator[None]:
    pool = WorkerPool(
        state=harness.state,
        reads=harness.reads,
        model=ModelSettings(),
        crews={"program": program(Path(), ["run"])},
        slots=2,
        lease=harness.lease,
        poll=poll,
    )
    if dispatch is not None:
        dispatch.bind(pool)
    pool.start()
    yield
    pool.stop(timedelta(seconds=4))


def test_a_phase_that_ends_while_the_database_is_locked_is_recorded_afterwards(
    tmp_path: Path,
) -> None:
    harness = Harness(tmp_path / "locked.db")
    with working(harness):
        run = harness.start(program(tmp_path, ["run"]), "wait")
        wait_until(
            lambda: bool(harness.runs(run)[0].progress), within=60, what="the phase is at work"
        )
        lock = sqlite3.connect(tmp_path / "locked.db", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        (tmp_path / "go").touch()
        lease_until = time.monotonic() + 4
        wait_until(lambda: time.monotonic() > lease_until, within=60, what="the lock was held")
        assert harness.reads.execution(run).state is ExecutionState.RUNNING
        lock.execute("ROLLBACK")
        lock.close()

        assert harness.ended(run).state is ExecutionState.COMPLETED
        assert len(harness.runs(run)) == 1


def test_a_phase_whose_start_meets_an_outage_waits_for_the_database_and_does_not_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = Harness(tmp_path / "refusing.db")
    read = harness.reads.skipped_phases
    answers = iter([Busy("locked"), Busy("locked")])

    def refuse_twice(execution_id: str) -> tuple[str, ...]:
        for refusal in answers:
            raise refusal
        return read(execution_id)

    monkeypatch.setattr(harness.reads, "skipped_phases", refuse_twice)
    with working(harness):
        run = harness.start(program(tmp_path, ["think", "write"]), "plain")

        assert harness.ended(run).state is ExecutionState.COMPLETED
        assert [each.state for each in harness.runs(run)] == ["done", "done"]


def test_a_commit_in_the_pools_process_wakes_it_at_once(tmp_path: Path) -> None:
    dispatch = LocalDispatch()
    harness = Harness(tmp_path / "woken.db", dispatch=dispatch)
    with working(harness, dispatch, poll=600):
        wait_until(lambda: bool(harness.reads.crew_reports()), within=60, what="the pool is warm")
        run = harness.start(program(tmp_path, ["think", "write"]), "plain")

        assert harness.ended(run).state is ExecutionState.COMPLETED


def test_an_unreachable_database_is_an_outage_and_other_errors_stay_themselves() -> None:
    def broken() -> None:
        raise ConnectionResetError("the server closed the connection")

    def busy() -> None:
        raise Busy("the database is busy")

    def lost() -> None:
        raise LeaseLost("a phase run")

    def mistaken() -> None:
        raise KeyError("no such column")

    calls = {broken: Outage, busy: Outage, lost: LeaseLost, mistaken: KeyError}
    for call, raised in calls.items():
        with pytest.raises(raised):
            call_storage(call)


def test_a_call_is_repeated_until_the_database_accepts_it() -> None:
    answers = iter([Busy("busy"), ConnectionResetError("gone"), None])

    def call() -> str:
        answer = next(answers)
        if answer is not None:
            raise answer
        return "taken"

    assert call_storage_with_retry(call, threading.Event()) == "taken"


def test_a_stopping_worker_does_not_wait_for_the_database() -> None:
    stopping = threading.Event()
    stopping.set()

    def call() -> None:
        raise Busy("busy")

    with pytest.raises(Outage):
        call_storage_with_retry(call, stopping)
