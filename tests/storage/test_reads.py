"""Queries of the front ends: executions by a prefix of their ids, and how many there are."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from storage import reads as module
from storage.db.database import SystemClock
from storage.errors import UnknownExecution
from storage.ports import NoDispatch, NoSignal
from storage.reads import Reads
from storage.records import Counts, Failure
from storage.state_manager import StateManager
from tests.storage.conftest import Run
from tests.support.factories import ANA


def test_a_prefix_of_an_id_may_have_capitals_and_dashes(run: Run, reads: Reads) -> None:
    execution = run.start()

    assert reads.execution(execution.id[:11].upper()).id == execution.id


@pytest.mark.parametrize("typed", ["some", "%%%%", "0000000g", "00000000_", "-0000"])
def test_text_that_no_id_starts_with_is_unknown(run: Run, reads: Reads, typed: str) -> None:
    run.start()

    with pytest.raises(UnknownExecution):
        reads.execution(typed)


def test_small_counts_are_exact_and_large_ones_are_cached(
    engine: Engine, run: Run, state: StateManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EXACT_COUNT_LIMIT", 3)
    reads = Reads(engine)
    started = [run.start() for _ in range(2)]
    assert reads.counts() == Counts(active_executions=2, pending_checkpoints=0)

    started.append(run.start())
    run.work()
    assert reads.counts() == Counts(active_executions=3, pending_checkpoints=1)
    started.append(run.start())
    assert reads.counts() == Counts(active_executions=3, pending_checkpoints=1)
    monkeypatch.setattr(reads, "_counts_expire_at", 0.0)
    assert reads.counts() == Counts(active_executions=4, pending_checkpoints=1)

    for execution in started:
        state.cancel(execution.id, actor=ANA)
    assert reads.counts() == Counts(active_executions=0, pending_checkpoints=0)


class SlowClock(SystemClock):
    """The clock of a host that is an hour behind."""

    def now(self) -> datetime:
        return super().now() - timedelta(hours=1)


def test_the_servers_clock_decides_what_is_due_on_a_host_whose_clock_is_behind(
    postgresql: Engine,
) -> None:
    clock = SlowClock()
    state = StateManager(
        postgresql, clock=clock, dispatch=NoDispatch(), signal=NoSignal(), backoff=timedelta(0)
    )
    reads = Reads(postgresql, clock)
    Run(state, reads).start()
    claim = state.claim("worker")
    assert claim is not None
    assert not reads.anything_due()

    state.fail(claim, Failure("no answer", retryable=True))

    assert reads.anything_due()
