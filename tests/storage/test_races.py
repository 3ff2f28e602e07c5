"""Concurrent writers: one commits after another has read, at each point where that can happen.

SQLite allows no other writer between the reads and writes of a use case; PostgreSQL does. Here the
other writer's changes are made right after the statement by which the first one reads, in the same
transaction, so the first one then behaves as it would on PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Executable
from sqlalchemy.exc import DBAPIError

from storage.db import sql, statements
from storage.db.database import writing
from storage.db.transaction import Transaction
from storage.decisions import Decision
from storage.errors import AlreadyDecided, Busy, Conflict, LeaseLost, StaleExecution
from storage.ports import NoDispatch
from storage.records import Action, Claim, Failure
from storage.state_manager import StateManager
from storage.states import CheckpointState, ExecutionState, PhaseRunState
from storage.use_cases import decisions, executions, phase_runs, timeouts
from tests.storage.conftest import RecordingDispatch, Run
from tests.support.factories import ANA, BEN, SettableClock, output

Act = Callable[[Transaction], object]
LEASE = timedelta(seconds=30)
Race = Callable[[Executable, Act], AbstractContextManager[None]]


@pytest.fixture
def race(engine: Engine, clock: SettableClock, monkeypatch: pytest.MonkeyPatch) -> Race:
    """`with race(statement, act)`: runs `act` after the first execution of the statement.

    If the first writer then retries or gives up, the other one's changes stay.
    """

    @contextmanager
    def racing(statement: Executable, act: Act) -> Iterator[None]:
        raced: list[Executable] = []

        def write_concurrently(connection: Connection) -> None:
            other = Transaction(connection, clock, NoDispatch(), LEASE)
            act(other)
            other.flush()

        def execute(connection: Connection, sent: Any, values: Any = None) -> sql.Result:
            result = original(connection, sent, values)
            if sent is statement and not raced:
                raced.append(sent)
                write_concurrently(connection)
            return result

        def once(state: StateManager, *use_case: Any) -> Any:
            try:
                return commit_once(state, *use_case)
            except Conflict:
                with writing(engine) as connection:
                    write_concurrently(connection)
                raise

        original, commit_once = sql.execute, StateManager._commit_once
        with monkeypatch.context() as patched:
            patched.setattr(sql, "execute", execute)
            patched.setattr(StateManager, "_commit_once", once)
            yield
        assert raced, "the statement was not executed"

    return racing


def decision(run: Run, action: Action, **more: Any) -> Decision:
    return Decision(run.waiting.id, action, BEN, **more)


def claimed(state: StateManager, owner: str = "worker") -> Claim:
    claim = state.claim(owner)
    assert claim is not None
    return claim


def test_the_losing_decision_gets_the_recorded_one(
    run: Run, state: StateManager, race: Race, dispatch: RecordingDispatch
) -> None:
    run.start()
    run.work()
    first, second = decision(run, Action.CONTINUE), decision(run, Action.STOP)
    woken = list(dispatch.woken)

    with (
        race(statements.CHECKPOINT_TO_DECIDE, lambda tx: decisions.decide(tx, first)),
        pytest.raises(AlreadyDecided) as refused,
    ):
        state.decide(second)

    assert refused.value.checkpoint.state is CheckpointState.APPROVED
    assert refused.value.checkpoint.feedback is not None
    assert refused.value.checkpoint.feedback.actor == BEN
    assert dispatch.woken == woken


def test_two_simultaneous_copies_of_a_delivery_are_both_answered_and_count_once(
    run: Run, state: StateManager, race: Race
) -> None:
    run.start()
    run.work()
    clicked = decision(run, Action.CONTINUE, delivery="click-1")

    with race(statements.CHECKPOINT_TO_DECIDE, lambda tx: decisions.decide(tx, clicked)):
        answer = state.decide(clicked)

    assert answer.checkpoint.state is CheckpointState.APPROVED
    assert answer.execution.state is ExecutionState.RUNNING
    assert len(run.reads.phase_runs(run.id)) == 2


def test_a_decision_is_refused_if_the_checkpoint_is_cancelled_meanwhile(
    run: Run, state: StateManager, race: Race
) -> None:
    run.start()
    run.work()
    clicked = decision(run, Action.CONTINUE)

    with (
        race(statements.CHECKPOINT_TO_DECIDE, lambda tx: executions.cancel(tx, run.id, actor=ANA)),
        pytest.raises(AlreadyDecided) as refused,
    ):
        state.decide(clicked)

    assert refused.value.checkpoint.state is CheckpointState.CANCELLED


def test_a_cancel_that_read_before_a_decision_changes_nothing(
    run: Run, state: StateManager, race: Race
) -> None:
    run.start()
    run.work()
    clicked = decision(run, Action.CONTINUE)

    with (
        race(statements.EXECUTION_LOCKED, lambda tx: decisions.decide(tx, clicked)),
        pytest.raises(StaleExecution),
    ):
        state.cancel(run.id, actor=ANA)

    assert run.now.state is ExecutionState.WAITING_FEEDBACK


def test_the_same_state_after_two_changes_is_not_mistaken_for_the_one_that_was_read(
    run: Run, state: StateManager, race: Race
) -> None:
    run.start()
    run.work()
    revise = decision(run, Action.REVISE, text="shorter")

    def change_twice(tx: Transaction) -> None:
        decisions.decide(tx, revise)
        claim = phase_runs.claim(tx, owner="other")
        assert claim is not None
        again = phase_runs.done(tx, claim, output("a shorter draft"))
        assert again.state is ExecutionState.WAITING_FEEDBACK

    with race(statements.EXECUTION_LOCKED, change_twice), pytest.raises(StaleExecution):
        state.cancel(run.id, actor=ANA)


def test_a_timeout_leaves_a_checkpoint_alone_that_was_decided_meanwhile(
    run: Run, state: StateManager, race: Race, clock: SettableClock
) -> None:
    run.start()
    run.work()
    other = run.id
    run.start()
    run.work()
    clicked = decision(run, Action.CONTINUE)
    clock.move(timedelta(hours=2))

    with race(statements.OVERDUE, lambda tx: decisions.decide(tx, clicked)):
        assert state.expire_due() == 1

    assert run.now.state is ExecutionState.RUNNING
    assert [c.state for c in run.reads.checkpoints(run.id)] == [CheckpointState.APPROVED]
    assert run.reads.execution(other).state is ExecutionState.STOPPED


def test_a_reminder_that_another_tick_took_meanwhile_is_not_posted_again(
    run: Run, state: StateManager, race: Race, clock: SettableClock
) -> None:
    run.start()
    run.work()
    clock.move(timedelta(minutes=40))

    with race(statements.REMINDERS_DUE, lambda tx: timeouts.remind_due(tx, limit=5)):
        assert state.remind_due() == 0


def test_a_phase_run_that_another_worker_took_meanwhile_is_not_claimed_again(
    run: Run, state: StateManager, race: Race
) -> None:
    run.start()

    with race(statements.OLDEST_DUE, lambda tx: phase_runs.claim(tx, owner="other")):
        assert state.claim("worker") is None

    [claimed_run] = run.reads.phase_runs(run.id)
    assert (claimed_run.lease_owner, claimed_run.fence) == ("other", 1)


def phase_done(state: StateManager, claim: Claim) -> None:
    state.phase_done(claim, output("late"))


def fail(state: StateManager, claim: Claim) -> None:
    state.fail(claim, Failure("late"))


@pytest.mark.parametrize("hand_in", [phase_done, fail])
def test_a_result_is_not_stored_when_the_lease_is_taken_meanwhile(
    run: Run,
    state: StateManager,
    race: Race,
    clock: SettableClock,
    hand_in: Callable[[StateManager, Claim], None],
) -> None:
    run.start()
    claim = claimed(state)
    clock.move(timedelta(minutes=1))

    with (
        race(
            statements.EXECUTION_LOCKED,
            lambda tx: phase_runs.claim(tx, owner="other"),
        ),
        pytest.raises(LeaseLost),
    ):
        hand_in(state, claim)


def test_a_result_is_not_stored_when_the_execution_is_cancelled_meanwhile(
    run: Run, state: StateManager, race: Race
) -> None:
    run.start()
    claim = claimed(state)

    with (
        race(statements.EXECUTION_LOCKED, lambda tx: executions.cancel(tx, run.id, actor=ANA)),
        pytest.raises(LeaseLost),
    ):
        state.phase_done(claim, output("late"))


def test_a_phase_that_was_finished_meanwhile_is_not_released_to_run_again(
    run: Run, state: StateManager, race: Race, dispatch: RecordingDispatch
) -> None:
    run.start()
    claim = claimed(state, "dead-worker")
    woken = list(dispatch.woken)

    with race(
        statements.RUNNING_OF_OWNERS, lambda tx: phase_runs.done(tx, claim, output("a draft"))
    ):
        assert state.release_leases(["dead-worker"]) == 0

    assert [r.state for r in run.reads.phase_runs(run.id)] == [PhaseRunState.DONE]
    assert run.now.state is ExecutionState.WAITING_FEEDBACK
    assert dispatch.woken == woken


def test_a_phase_that_was_cancelled_meanwhile_is_not_released_to_run_again(
    run: Run, state: StateManager, race: Race
) -> None:
    run.start()
    claimed(state, "dead-worker")

    with race(statements.RUNNING_OF_OWNERS, lambda tx: executions.cancel(tx, run.id, actor=ANA)):
        assert state.release_leases(["dead-worker"]) == 0

    assert [r.state for r in run.reads.phase_runs(run.id)] == [PhaseRunState.CANCELLED]


@pytest.mark.parametrize("sqlstate", ["23505", "40001", "40P01", "55P03"])
def test_errors_of_postgresql_about_another_writer_are_busy(engine: Engine, sqlstate: str) -> None:
    class DriverError(Exception):
        pass

    error = DriverError("a message of PostgreSQL")
    error.sqlstate = sqlstate  # type: ignore[attr-defined]  # as the driver's errors have it

    with pytest.raises(Busy), writing(engine):
        raise DBAPIError("UPDATE …", None, error)


def test_an_invalid_statement_is_not_mistaken_for_another_writer(engine: Engine) -> None:
    with (
        pytest.raises(DBAPIError, match=r"no such|not exist"),
        writing(engine) as connection,
    ):
        connection.exec_driver_sql("SELECT * FROM nowhere")
