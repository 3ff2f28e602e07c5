"""Which phase is run next: first those after a decision, for which a person waits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from storage.decisions import Decision
from storage.definitions import OnTimeout
from storage.records import Action, Failure
from storage.state_manager import StateManager
from tests.storage.conftest import Run
from tests.support.factories import BEN, SettableClock, crew, rule


def claimed(state: StateManager) -> str | None:
    claim = state.claim("worker")
    return None if claim is None else claim.execution.id


@pytest.mark.parametrize("action", [Action.CONTINUE, Action.REVISE, Action.SKIP])
def test_the_phase_after_a_decision_goes_before_runs_that_were_started_earlier(
    run: Run, state: StateManager, action: Action
) -> None:
    decided = run.start().id
    run.work()
    waiting = run.waiting.id
    fresh = [run.start().id for _ in range(3)]
    state.decide(Decision(waiting, action, BEN, text="shorter"))
    fresh.append(run.start().id)

    assert [claimed(state) for _ in range(6)] == [decided, *fresh, None]


def test_of_two_decisions_the_earlier_one_goes_first(run: Run, state: StateManager) -> None:
    waiting = []
    for _ in range(2):
        run.start()
        run.work()
        waiting.append((run.id, run.waiting.id))
    fresh = run.start().id
    for _, checkpoint in reversed(waiting):
        state.decide(Decision(checkpoint, Action.CONTINUE, BEN))

    first, second = (execution for execution, _ in waiting)
    assert [claimed(state) for _ in range(3)] == [second, first, fresh]


def test_a_phase_that_a_worker_gives_back_keeps_its_priority(run: Run, state: StateManager) -> None:
    decided = run.start().id
    run.work()
    fresh = run.start().id
    state.decide(Decision(run.reads.checkpoints(decided)[0].id, Action.CONTINUE, BEN))
    claim = state.claim("worker")
    assert claim is not None

    state.release_claim(claim)

    assert [claimed(state) for _ in range(2)] == [decided, fresh]


def test_a_retried_phase_goes_first_too(run: Run, state: StateManager) -> None:
    failed = run.start().id
    claim = state.claim("worker")
    assert claim is not None
    state.fail(claim, Failure("no", retryable=False))
    fresh = run.start().id

    state.retry(failed, actor=BEN)

    assert [claimed(state) for _ in range(2)] == [failed, fresh]


def test_the_phase_after_a_timeout_has_no_priority(
    run: Run, state: StateManager, clock: SettableClock
) -> None:
    overdue = run.start(crew(decided_by=rule(on_timeout=OnTimeout.CONTINUE))).id
    run.work()
    fresh = run.start().id
    clock.move(timedelta(hours=2))
    assert state.expire_due() == 1

    assert [claimed(state) for _ in range(2)] == [fresh, overdue]
