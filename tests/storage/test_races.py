"""A writer that read before another one's commit, at each point where that can be.

SQLite lets nobody in between a use case's reads and its writes; PostgreSQL does. Here the other
writer's changes are made right after the statement by which the first one reads, in the same
transaction: what the first one then does is what it would do there.
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
from storage.errors import AlreadyDecided, Busy, Conflict, LeaseLost, StaleExecution
from storage.ports import NoDispatch
from storage.records import Action, Claim, Decision, Failure
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
    """`with race(statement, act)`: `act` happens when the statement was executed first.

    Where the first writer then begins anew or gives way, the other one's changes stay.
    """

    @contextmanager
    def racing(statement: Executable, act: Act) -> Iterator[None]:
        acted: list[Executable] = []

        def by_the_other(connection: Connection) -> None:
            theirs = Transaction(connection, clock, NoDispatch(), LEASE)
            act(theirs)
            theirs.flush()

        def execute(connection: Connection, asked: Any, values: Any = None) -> sql.Result:
            result = as_ever(connection, asked, values)
            if asked is statement and not acted:
                acted.append(asked)
                by_the_other(connection)
            return result

        def once(state: StateManager, *use_case: Any) -> Any:
            try:
                return commit_once(state, *use_case)
            except Conflict:
                with writing(engine) as connection:
                    by_the_other(connection)
                raise

        as_ever, commit_once = sql.execute, StateManager._commit_once
        with monkeypatch.context() as patched:
            patched.setattr(sql, "execute", execute)
            patched.setattr(StateManager, "_commit_once", once)
            yield
        assert acted, "nobody executed that statement"

    return racing


def decision(run: Run, action: Action, **more: Any) -> Decision:
    return Decision(run.waiting.id, action, BEN, **more)


def claimed(state: StateManager, owner: str = "worker") -> Claim:
    claim = state.claim(owner)
    assert claim is not None
    return claim


def test_the_decision_that_lost_is_told_which_one_stands(
    run: Run, state: StateManager, race: Race, dispatch: RecordingDispatch
) -> None:
    run.start()
    run.work()
    first, second = decision(run, Action.CONTINUE), decision(run, Action.STOP)
    told = list(dispatch.told)

    with (
        race(statements.CHECKPOINT_TO_DECIDE, lambda tx: decisions.decide(tx, first)),
        pytest.raises(AlreadyDecided) as refused,
    ):
        state.decide(second)

    assert refused.value.checkpoint.state is CheckpointState.APPROVED
    assert refused.value.checkpoint.feedback is not None
    assert refused.value.checkpoint.feedback.actor == BEN
    assert dispatch.told == told


def test_a_delivery_that_came_twice_at_once_is_answered_twice_and_counts_once(
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


def test_a_decision_at_a_checkpoint_that_is_cancelled_meanwhile_is_refused(
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


def test_a_state_that_came_back_meanwhile_is_not_taken_for_the_one_that_was_read(
    run: Run, state: StateManager, race: Race
) -> None:
    run.start()
    run.work()
    revise = decision(run, Action.REVISE, text="shorter")

    def go_round(tx: Transaction) -> None:
        decisions.decide(tx, revise)
        held = phase_runs.claim(tx, owner="other")
        assert held is not None
        again = phase_runs.done(tx, held, output("a shorter draft"))
        assert again.state is ExecutionState.WAITING_FEEDBACK

    with race(statements.EXECUTION_LOCKED, go_round), pytest.raises(StaleExecution):
        state.cancel(run.id, actor=ANA)


def test_a_deadline_leaves_a_checkpoint_alone_that_was_decided_meanwhile(
    run: Run, state: StateManager, race: Race, clock: SettableClock
) -> None:
    run.start()
    run.work()
    beside = run.id
    run.start()
    run.work()
    clicked = decision(run, Action.CONTINUE)
    clock.move(timedelta(hours=2))

    with race(statements.OVERDUE, lambda tx: decisions.decide(tx, clicked)):
        assert state.expire_due() == 1

    assert run.now.state is ExecutionState.RUNNING
    assert [c.state for c in run.reads.checkpoints(run.id)] == [CheckpointState.APPROVED]
    assert run.reads.execution(beside).state is ExecutionState.STOPPED


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

    [taken] = run.reads.phase_runs(run.id)
    assert (taken.lease_owner, taken.fence) == ("other", 1)


def phase_done(state: StateManager, held: Claim) -> None:
    state.phase_done(held, output("late"))


def fail(state: StateManager, held: Claim) -> None:
    state.fail(held, Failure("late"))


@pytest.mark.parametrize("hand_in", [phase_done, fail])
def test_a_result_is_not_stored_when_the_lease_is_taken_meanwhile(
    run: Run,
    state: StateManager,
    race: Race,
    clock: SettableClock,
    hand_in: Callable[[StateManager, Claim], None],
) -> None:
    run.start()
    held = claimed(state)
    clock.move(timedelta(minutes=1))

    with (
        race(
            statements.EXECUTION_LOCKED,
            lambda tx: phase_runs.claim(tx, owner="other"),
        ),
        pytest.raises(LeaseLost),
    ):
        hand_in(state, held)


def test_a_result_is_not_stored_when_the_execution_is_cancelled_meanwhile(
    run: Run, state: StateManager, race: Race
) -> None:
    run.start()
    held = claimed(state)

    with (
        race(statements.EXECUTION_LOCKED, lambda tx: executions.cancel(tx, run.id, actor=ANA)),
        pytest.raises(LeaseLost),
    ):
        state.phase_done(held, output("late"))


def test_a_phase_that_was_handed_in_meanwhile_is_not_released_to_run_again(
    run: Run, state: StateManager, race: Race, dispatch: RecordingDispatch
) -> None:
    run.start()
    held = claimed(state, "dead-worker")
    told = list(dispatch.told)

    with race(
        statements.RUNNING_OF_OWNERS, lambda tx: phase_runs.done(tx, held, output("a draft"))
    ):
        assert state.release_leases(["dead-worker"]) == 0

    assert [r.state for r in run.reads.phase_runs(run.id)] == [PhaseRunState.DONE]
    assert run.now.state is ExecutionState.WAITING_FEEDBACK
    assert dispatch.told == told


def test_a_phase_that_was_cancelled_meanwhile_is_not_released_to_run_again(
    run: Run, state: StateManager, race: Race
) -> None:
    run.start()
    claimed(state, "dead-worker")

    with race(statements.RUNNING_OF_OWNERS, lambda tx: executions.cancel(tx, run.id, actor=ANA)):
        assert state.release_leases(["dead-worker"]) == 0

    assert [r.state for r in run.reads.phase_runs(run.id)] == [PhaseRunState.CANCELLED]


@pytest.mark.parametrize("sqlstate", ["23505", "40001", "40P01", "55P03"])
def test_what_postgresql_says_of_another_writer_is_busy(engine: Engine, sqlstate: str) -> None:
    class Said(Exception):
        pass

    said = Said("as PostgreSQL words it")
    said.sqlstate = sqlstate  # type: ignore[attr-defined]  # as the driver's errors have it

    with pytest.raises(Busy), writing(engine):
        raise DBAPIError("UPDATE …", None, said)


def test_what_is_wrong_with_a_statement_is_not_taken_for_another_writer(engine: Engine) -> None:
    with (
        pytest.raises(DBAPIError, match=r"no such|not exist"),
        writing(engine) as connection,
    ):
        connection.exec_driver_sql("SELECT * FROM nowhere")
