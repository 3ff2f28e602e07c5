"""What is deleted after a while, and what never is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, Executable, Table, func, select, text
from sqlalchemy.exc import DBAPIError

from storage.db.audit_check import verify
from storage.db.database import reading, writing
from storage.db.tables import (
    audit,
    checkpoints,
    executions,
    files,
    lessons,
    outbox,
    phase_runs,
    publications,
    revise_intents,
)
from storage.decisions import Decision
from storage.errors import UnknownExecution
from storage.outbox.outbox import Outbox
from storage.reads import Reads
from storage.records import Action
from storage.state_manager import StateManager
from storage.states import ExecutionState
from tests.storage.conftest import Run
from tests.support.factories import ANA, BEN, SettableClock, crew

MONTH = timedelta(days=30)

OF_EXECUTIONS = (
    executions,
    phase_runs,
    checkpoints,
    outbox,
    revise_intents,
    lessons,
    files,
    publications,
)


def rows_of(engine: Engine, *tables: Table) -> list[int]:
    with reading(engine) as connection:
        return [
            connection.execute(select(func.count()).select_from(t)).scalar_one() for t in tables
        ]


def rows(engine: Engine, statement: Executable) -> list[Any]:
    with reading(engine) as connection:
        return [*connection.execute(statement)]


def stopped(run: Run, *, revised: bool = False) -> str:
    """Make a run that a reviewer stopped, with a leftover intent. Returns its id."""
    definition = replace(crew(), lessons=True)
    run.start(definition)
    run.work()
    run.state.intend_revise(run.waiting.id, actor=ANA)
    if revised:
        checkpoint = run.waiting.id
        run.state.decide(Decision(checkpoint, Action.REVISE, BEN, text="shorter"))
        run.state.add_lesson(checkpoint, actor=BEN)
        run.work()
    run.state.decide(Decision(run.waiting.id, Action.STOP, BEN))
    return run.id


def test_old_executions_are_deleted_with_all_their_rows_but_the_log_stays(
    run: Run, state: StateManager, engine: Engine, clock: SettableClock
) -> None:
    deleted = [stopped(run) for _ in range(3)]
    rows_before = rows_of(engine, audit)[0]
    clock.move(MONTH)
    late = stopped(run)
    waiting = run.start().id
    run.work()

    clock.move(timedelta(seconds=1))
    assert [state.delete_old_executions(older_than=MONTH, limit=2) for _ in range(3)] == [2, 1, 0]

    for execution_id in deleted:
        with pytest.raises(UnknownExecution):
            run.reads.execution(execution_id)
    assert run.reads.execution(late).state is ExecutionState.STOPPED
    assert run.reads.execution(waiting).state is ExecutionState.WAITING_FEEDBACK
    with reading(engine) as connection:
        events = select(audit.c.execution_id).where(audit.c.event == "execution.forgotten")
        assert sorted(connection.execute(events).scalars()) == sorted(deleted)
    assert rows_of(engine, audit)[0] > rows_before + 3
    with reading(engine) as connection:
        for table in (phase_runs, checkpoints, outbox):
            kept = connection.execute(select(table.c.execution_id).distinct()).scalars().all()
            assert {*kept} == {late, waiting}


def test_the_log_of_a_deleted_execution_keeps_what_happened_but_not_who_did_it(
    run: Run, state: StateManager, engine: Engine, clock: SettableClock
) -> None:
    deleted = stopped(run, revised=True)
    [lesson] = run.reads.lessons("plan")
    state.delete_lesson(lesson.id, actor=BEN)
    kept = run.start().id
    skeleton = select(*(audit.c[name] for name in ("seq", "at", "event", "digest", "hash")))
    before = rows(engine, skeleton.where(audit.c.execution_id == deleted))
    clock.move(MONTH)

    assert state.delete_old_executions(older_than=timedelta(days=20)) == 1

    after = rows(engine, skeleton.where(audit.c.execution_id == deleted))
    assert after[: len(before)] == before
    assert [row.event for row in after[len(before) :]] == ["execution.forgotten", "audit.redacted"]
    stored = "SELECT actor, details, salt FROM audit WHERE execution_id = "
    texts = rows(engine, text(f"{stored}'{deleted}' ORDER BY seq"))
    assert not [one for one in texts if "UANA" in str(one) or "Ben" in str(one)]
    assert texts[0] == (None, "{}", None)
    assert "phase.claimed" in [row.event for row in before]
    assert any("planning" in one.details for one in texts), "rows that name nobody stay whole"
    assert "UANA" in str(rows(engine, text(f"{stored}'{kept}'")))
    verified = verify(engine)
    assert (verified.problem, verified.redacted) == (None, 6)


def test_rows_that_were_emptied_and_not_recorded_are_found(run: Run, engine: Engine) -> None:
    """The database lets it pass, so that retention can do it; the chain does not."""
    run.start()
    with writing(engine) as connection:
        connection.execute(text("UPDATE audit SET actor = NULL, details = '{}', salt = NULL"))

    problem = verify(engine).problem

    assert problem is not None
    assert (problem.seq, "no row of the log records it" in problem.text) == (1, True)


def test_an_execution_is_kept_as_long_as_its_lesson(
    run: Run, state: StateManager, engine: Engine, reads: Reads, clock: SettableClock
) -> None:
    execution_id = stopped(run, revised=True)
    clock.move(2 * MONTH)

    assert state.delete_old_executions(older_than=MONTH) == 0
    [lesson] = reads.lessons("plan")
    state.delete_lesson(lesson.id, actor=BEN)
    assert state.delete_old_executions(older_than=MONTH) == 1

    with pytest.raises(UnknownExecution):
        reads.execution(execution_id)
    assert rows_of(engine, *OF_EXECUTIONS) == [0] * len(OF_EXECUTIONS)


def test_an_execution_that_waits_is_kept_regardless_of_its_age(
    run: Run, state: StateManager, clock: SettableClock
) -> None:
    run.start()
    run.work()
    clock.move(100 * MONTH)

    assert state.delete_old_executions(older_than=MONTH) == 0
    assert run.now.state is ExecutionState.WAITING_FEEDBACK


def test_delivered_messages_of_old_executions_are_deleted(
    run: Run, state: StateManager, engine: Engine, clock: SettableClock, outbox_: Outbox
) -> None:
    stopped(run)
    [root] = outbox_.take(owner="d", limit=1)
    sent = outbox_.sending(root)
    outbox_.release(outbox_.posted(sent, channel=root.channel, ts="1.0", shown=root.version))
    [checkpoint] = outbox_.take(owner="d", limit=1)
    outbox_.fail(checkpoint, "channel_not_found")
    before = rows_of(engine, outbox)[0]

    assert state.delete_old_messages(older_than=MONTH) == 0
    clock.move(MONTH + timedelta(seconds=1))
    assert [state.delete_old_messages(older_than=MONTH, limit=1) for _ in range(3)] == [1, 1, 0]

    assert rows_of(engine, outbox)[0] == before - 2
    assert len(outbox_.take(owner="d", limit=9)) > 0, "undelivered messages are still to be posted"


@pytest.fixture
def outbox_(outbox: Outbox) -> Outbox:
    """The deliverer's view; the table has the name `outbox`."""
    return outbox


def test_expired_intents_are_deleted(
    run: Run, state: StateManager, engine: Engine, clock: SettableClock
) -> None:
    run.start()
    run.work()
    state.intend_revise(run.waiting.id, actor=ANA)

    assert state.delete_expired() == 0
    clock.move(timedelta(minutes=15, seconds=1))
    assert state.delete_expired() == 1
    assert rows_of(engine, revise_intents) == [0]


EMPTIED = "actor = NULL, details = '{}', salt = NULL"


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM audit",
        "UPDATE audit SET event = 'nothing'",
        "UPDATE audit SET details = '{}'",
        "UPDATE audit SET actor = NULL, details = '{}'",
        "UPDATE audit SET actor = NULL, details = '{\"a\": 1}', salt = NULL",
        *(
            f"UPDATE audit SET {EMPTIED}, {column} = {value}"
            for column, value in {
                "seq": "seq + 100",
                "at": "'2026-01-01 00:00:00.000000'",
                "execution_id": "'e'",
                "event": "'audit.redacted'",
                "digest": "NULL",
                "hash": "'h'",
            }.items()
        ),
        f"UPDATE audit SET {EMPTIED} WHERE event = 'audit.redacted'",
    ],
)
def test_the_database_refuses_changes_to_the_log(
    run: Run, state: StateManager, engine: Engine, clock: SettableClock, change: str
) -> None:
    stopped(run)
    clock.move(MONTH)
    state.delete_old_executions(older_than=timedelta(days=1))  # which adds audit.redacted
    run.start()

    with pytest.raises(DBAPIError, match="the audit log only grows"), writing(engine) as connection:
        connection.execute(text(change))


def test_deletions_check_foreign_keys_by_an_index(engine: Engine) -> None:
    """For every deleted row, a foreign key checks whether another row refers to it."""
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            plan = connection.execute(
                text("EXPLAIN SELECT 1 FROM checkpoints WHERE phase_run_id = 'x'")
            )
        else:
            plan = connection.execute(
                text("EXPLAIN QUERY PLAN SELECT 1 FROM checkpoints WHERE phase_run_id = 'x'")
            )
        assert "ix_checkpoints_phase_run_id" in str(plan.all())
