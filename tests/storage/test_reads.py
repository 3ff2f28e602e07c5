"""Queries of the front ends: executions by a prefix of their ids, and how many there are."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from storage import reads as module
from storage.db.database import SystemClock
from storage.decisions import Decision
from storage.definitions import OnTimeout
from storage.errors import UnknownExecution
from storage.ports import NoDispatch, NoSignal
from storage.reads import Reads
from storage.records import Action, Counts, Failure
from storage.state_manager import StateManager
from tests.storage.conftest import Run
from tests.support.factories import ANA, SettableClock, crew, rule


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


def decide(run: Run, state: StateManager, action: Action, text: str = "") -> None:
    state.decide(Decision(run.waiting.id, action, ANA, text=text))


def test_phases_after_which_somebody_went_on_without_approving_are_skipped(
    run: Run, reads: Reads, state: StateManager
) -> None:
    run.start(crew(after=("planning", "analysis", "finalization")))
    run.work()
    decide(run, state, Action.SKIP)
    run.work()
    assert reads.skipped_phases(run.id) == ("planning",)

    decide(run, state, Action.REVISE, "shorter")
    run.work()
    decide(run, state, Action.CONTINUE)
    run.work()
    decide(run, state, Action.SKIP)

    assert reads.skipped_phases(run.id) == ("planning", "finalization")


def test_a_checkpoint_left_out_at_the_start_is_skipped(run: Run, reads: Reads) -> None:
    run.start(checkpoints=["after_analysis"])
    run.work()

    assert reads.skipped_phases(run.id) == ("planning",)


@pytest.mark.parametrize(
    ("on_timeout", "skipped"), [(OnTimeout.CONTINUE, ()), (OnTimeout.SKIP, ("planning",))]
)
def test_a_timeout_skips_a_phase_if_its_rule_says_so(
    run: Run,
    reads: Reads,
    state: StateManager,
    clock: SettableClock,
    on_timeout: OnTimeout,
    skipped: tuple[str, ...],
) -> None:
    run.start(crew(decided_by=rule(on_timeout=on_timeout)))
    run.work()
    clock.move(timedelta(hours=2))
    state.expire_due()

    assert reads.skipped_phases(run.id) == skipped


def test_the_progress_of_a_phase_is_that_of_all_its_tries_in_one_revision(
    run: Run, reads: Reads, state: StateManager, clock: SettableClock
) -> None:
    run.start()
    for number in range(2):
        clock.move(timedelta(minutes=5))
        claim = state.claim("worker")
        assert claim is not None
        state.progress(claim, {"number": number}, usage=None)
        state.fail(claim, Failure("no", retryable=number == 0))

    def progress(phase_index: int, revision: int) -> list[object]:
        found = reads.progress_of_phase(run.id, phase_index=phase_index, revision=revision)
        return [each["number"] for each in found]

    assert progress(0, 1) == [0, 1]
    assert progress(0, 2) == []
    assert progress(1, 1) == []


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
