"""If a worker of the deciding process is free, what follows is claimed in the same commit."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from storage.decisions import Decided, Decision
from storage.errors import AlreadyDecided, LeaseLost
from storage.reads import Reads
from storage.records import Action, Claim
from storage.states import ExecutionState, PhaseRunState
from tests.storage.conftest import RecordingDispatch, RecordingSignal, Run
from tests.support.factories import ANA, BEN, SettableClock, crew, output


class Workers(RecordingDispatch):
    """Workers of this process, with `free` slots. A reserved slot is used or released."""

    owner = "this process"

    def __init__(self, reads: Reads) -> None:
        super().__init__()
        self.free = 1
        self.reservations = 0
        self.claims: list[Claim] = []
        self.states: list[PhaseRunState] = []
        self._reads = reads

    def reserve_slot(self) -> Workers | None:  # type: ignore[override]  # this process has workers
        self.reservations += 1
        if self.free == 0:
            return None
        self.free -= 1
        return self

    def run(self, claim: Claim, /) -> None:
        self.claims.append(claim)
        self.states.append(self._reads.phase_runs(claim.execution.id)[-1].state)

    def release(self) -> None:
        self.free += 1


@pytest.fixture
def dispatch(reads: Reads) -> Workers:
    return Workers(reads)


def decide(run: Run, action: Action = Action.CONTINUE, text: str = "") -> Decided:
    return run.state.decide(Decision(run.waiting.id, action, ANA, text=text))


def test_the_phase_after_a_decision_is_claimed_for_a_free_slot(
    run: Run, dispatch: Workers, clock: SettableClock
) -> None:
    run.start()
    run.work("the plan")
    decide(run)

    [claim] = dispatch.claims
    [_, next_run] = run.reads.phase_runs(run.id)
    assert claim.run == next_run
    assert claim.execution == run.now
    assert claim.done == (("planning", output("the plan")),)
    assert (next_run.state, next_run.fence) == (PhaseRunState.RUNNING, 1)
    assert next_run.lease_owner == dispatch.owner
    assert next_run.lease_until == clock.now() + timedelta(seconds=30) == claim.lease_until
    assert next_run.id not in dispatch.enqueued
    assert run.state.claim("another") is None
    assert dispatch.states == [PhaseRunState.RUNNING], "it runs only after the commit"

    assert run.state.phase_done(claim, output("the analysis")).state is (
        ExecutionState.WAITING_FEEDBACK
    )


def test_without_a_free_slot_it_is_queued(run: Run, dispatch: Workers) -> None:
    run.start()
    run.work()
    dispatch.free = 0
    decide(run)

    next_run = run.reads.phase_runs(run.id)[-1]
    assert dispatch.reservations == 1
    assert next_run.state is PhaseRunState.QUEUED
    claimed = run.state.claim("another")
    assert claimed is not None
    assert claimed.run.id == next_run.id


def test_a_revision_is_claimed_with_its_request_and_the_output_that_it_starts_from(
    run: Run, dispatch: Workers
) -> None:
    run.start()
    run.work("a long plan")
    decide(run, Action.REVISE, "shorter")

    [claim] = dispatch.claims
    assert (claim.run.revision, claim.run.feedback) == (2, "shorter")
    assert claim.previous == output("a long plan")


def test_after_the_lease_another_worker_claims_it_and_the_first_writes_nothing(
    run: Run, dispatch: Workers, clock: SettableClock
) -> None:
    run.start()
    run.work()
    decide(run)
    [late] = dispatch.claims
    clock.move(timedelta(seconds=31))

    second = run.state.claim("another")

    assert second is not None
    assert (second.run.id, second.fence) == (late.run.id, 2)
    with pytest.raises(LeaseLost):
        run.state.phase_done(late, output("too late"))


def test_a_refusal_a_stop_and_a_start_reserve_no_slot(run: Run, dispatch: Workers) -> None:
    run.start(crew(phases=("one", "two"), after=("one",)))
    run.work()
    checkpoint = run.waiting
    decide(run, Action.STOP)
    with pytest.raises(AlreadyDecided):
        run.state.decide(Decision(checkpoint.id, Action.CONTINUE, BEN))

    assert dispatch.claims == []
    assert (dispatch.free, dispatch.reservations) == (1, 0)


def test_a_decision_that_is_rolled_back_releases_its_slot_and_claims_nothing(
    run: Run,
    engine: Engine,
    dispatch: Workers,
    signal: RecordingSignal,
    clock: SettableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run.start()
    run.work()
    with monkeypatch.context() as broken:
        broken.setattr("storage.db.transaction.Transaction.flush", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            decide(run)

    assert (dispatch.free, dispatch.reservations, dispatch.claims) == (1, 1, [])
    assert [each.state for each in run.reads.phase_runs(run.id)] == [PhaseRunState.DONE]
    assert run.now.state is ExecutionState.WAITING_FEEDBACK

    decide(run)
    assert len(dispatch.claims) == 1
