"""Start, cancel and retry of whole executions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError

from storage.decisions import Decision
from storage.definitions import OnTimeout
from storage.errors import (
    AmbiguousExecution,
    LeaseLost,
    LeavingOutNotAllowed,
    NotAllowed,
    UnknownCheckpointName,
    UnknownExecution,
    WrongState,
)
from storage.reads import Reads
from storage.records import Action, Actor, ActorKind, Failure
from storage.state_manager import StateManager
from storage.states import CheckpointState, ExecutionState
from tests.storage.conftest import RecordingDispatch, RecordingSignal, Run
from tests.support.factories import ANA, BEN, GUS, SettableClock, crew, output, rule


def test_a_started_execution_is_pending_queued_and_announced(
    run: Run, dispatch: RecordingDispatch, signal: RecordingSignal
) -> None:
    execution = run.start()

    assert execution.state is ExecutionState.PENDING
    assert execution.phases == ("planning", "analysis", "finalization")
    assert len(dispatch.enqueued) == 1
    assert dispatch.woken == dispatch.enqueued
    assert signal.calls == 1


def test_the_same_command_delivered_twice_starts_one_execution(
    run: Run, dispatch: RecordingDispatch
) -> None:
    first = run.start(delivery="trigger-1")
    second = run.start(delivery="trigger-1")

    assert second.id == first.id
    assert len(dispatch.enqueued) == 1


def test_a_run_with_no_checkpoint_completes_by_itself(run: Run) -> None:
    run.start(crew(phases=("one", "two"), after=()))
    run.work("first")
    run.work("second")

    assert run.now.state is ExecutionState.COMPLETED
    assert run.now.result is not None
    assert run.now.result.output == "second"


def test_a_checkpoint_left_out_is_a_skip_decided_in_advance_by_the_requester(
    run: Run, reads: Reads
) -> None:
    execution = run.start(checkpoints=["after_analysis"])
    run.work()
    run.work()

    assert execution.left_out == ("after_planning",)
    [skipped, waiting] = reads.checkpoints(run.id)
    assert (skipped.name, skipped.state) == ("after_planning", CheckpointState.SKIPPED)
    assert skipped.feedback is not None
    assert skipped.feedback.actor == ANA
    assert (waiting.name, waiting.state) == ("after_analysis", CheckpointState.PENDING)


def test_a_person_who_may_not_decide_a_checkpoint_may_not_leave_it_out(
    run: Run, reads: Reads
) -> None:
    with pytest.raises(LeavingOutNotAllowed) as refused:
        run.start(checkpoints=["after_analysis"], requester=GUS)

    assert refused.value.checkpoint == "after_planning"
    assert reads.executions() == ()


def test_an_unknown_checkpoint_name_is_refused_with_the_known_ones(run: Run) -> None:
    with pytest.raises(UnknownCheckpointName, match="after_planning, after_analysis"):
        run.start(checkpoints=["after_lunch"])


def test_cancel_ends_a_running_phase_and_its_worker_writes_nothing_more(
    run: Run, state: StateManager
) -> None:
    run.start()
    claim = state.claim("worker")
    assert claim is not None

    cancelled = state.cancel(run.id, actor=ANA)

    assert cancelled.state is ExecutionState.CANCELLED
    assert cancelled.ended_by == ANA
    with pytest.raises(LeaseLost):
        state.heartbeat(claim)
    with pytest.raises(LeaseLost):
        state.phase_done(claim, output("too late"))
    assert state.claim("worker") is None


def test_cancel_while_waiting_cancels_the_checkpoint_too(
    run: Run, state: StateManager, reads: Reads
) -> None:
    run.start()
    run.work()

    state.cancel(run.id, actor=BEN)

    assert [c.state for c in reads.checkpoints(run.id)] == [CheckpointState.CANCELLED]


def test_only_the_requester_or_an_approver_cancels_and_only_once(
    run: Run, state: StateManager
) -> None:
    run.start(crew(decided_by=rule("UBEN")), requester=ANA)
    stranger = Actor(ActorKind.SLACK, "UCAT", "Cat", True, False, False, groups_known=True)

    with pytest.raises(NotAllowed):
        state.cancel(run.id, actor=stranger)
    state.cancel(run.id, actor=BEN)
    with pytest.raises(WrongState) as refused:
        state.cancel(run.id, actor=ANA)
    assert refused.value.execution.state is ExecutionState.CANCELLED


def test_retry_runs_the_failed_phase_again_but_no_finished_one(
    run: Run, state: StateManager
) -> None:
    run.start()
    run.work("the plan")
    state.decide(Decision(run.waiting.id, Action.CONTINUE, BEN))
    claim = state.claim("worker")
    assert claim is not None
    state.fail(claim, Failure("The key was refused.", retryable=False))
    assert run.now.state is ExecutionState.ERROR
    assert run.now.error == "The key was refused."

    retried = state.retry(run.id, actor=ANA)

    assert retried.state is ExecutionState.RUNNING
    assert retried.error is None
    again = state.claim("worker")
    assert again is not None
    assert (again.run.phase, again.run.attempt) == ("analysis", 1)
    assert again.done == (("planning", output("the plan")),)


def test_retry_after_a_deadline_opens_the_checkpoint_again_without_a_new_run(
    run: Run, state: StateManager, clock: SettableClock
) -> None:
    run.start(crew(decided_by=rule("@channel", on_timeout=OnTimeout.FAIL)))
    run.work("the plan")
    first = run.waiting.id
    clock.move(timedelta(hours=2))
    state.expire_due()
    assert run.now.state is ExecutionState.ERROR

    reopened = state.retry(run.id, actor=ANA)

    assert reopened.state is ExecutionState.WAITING_FEEDBACK
    assert run.waiting.id != first
    assert run.waiting.output.output == "the plan"
    assert run.waiting.deadline == clock.now() + timedelta(hours=1)
    assert state.claim("worker") is None


def test_an_execution_is_found_by_a_prefix_of_its_id(run: Run, reads: Reads) -> None:
    execution = run.start()

    assert reads.execution(execution.id[:8]).id == execution.id
    for unknown in ("ffffffff-0000", "abc", "", "%%%%", "____"):
        with pytest.raises(UnknownExecution):
            reads.execution(unknown)


def test_a_prefix_of_two_executions_is_refused(run: Run, reads: Reads, engine: Engine) -> None:
    ids = [run.start().id for _ in range(2)]
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "PRAGMA defer_foreign_keys=ON"
            if connection.dialect.name == "sqlite"
            else "SET LOCAL session_replication_role = replica"
        )
        for n, was in enumerate(ids):
            now = f"abcdef0{n}-0000-4000-8000-000000000000"
            for table, column in (
                ("executions", "id"),
                ("phase_runs", "execution_id"),
                ("outbox", "execution_id"),
            ):
                connection.execute(
                    text(f"UPDATE {table} SET {column} = :now WHERE {column} = :was"),
                    {"now": now, "was": was},
                )

    with pytest.raises(AmbiguousExecution):
        reads.execution("abcdef")


def test_a_running_execution_keeps_the_rules_it_was_started_with(
    run: Run, state: StateManager
) -> None:
    run.start(crew(decided_by=rule("UBEN")))
    edited = crew(decided_by=rule("@channel"))
    state.start_execution(
        definition=edited, request=run.now.request, requester=ANA, channel="CCAMPAIGNS"
    )
    run.work()

    assert run.waiting.rule.approvers == ("UBEN",)


def test_the_audit_log_has_every_event_and_cannot_be_changed(
    run: Run, state: StateManager, engine: Engine
) -> None:
    run.start()
    run.work()
    state.decide(Decision(run.waiting.id, Action.STOP, BEN))

    with engine.begin() as connection:
        events = connection.execute(text("SELECT event FROM audit ORDER BY seq")).scalars().all()
    assert events == [
        "execution.started",
        "phase.claimed",
        "phase.done",
        "checkpoint.opened",
        "checkpoint.decided",
        "execution.stopped",
    ]
    for forbidden in ("UPDATE audit SET event = 'nothing'", "DELETE FROM audit"):
        with pytest.raises(DatabaseError, match="only grows"), engine.begin() as connection:
            connection.execute(text(forbidden))
