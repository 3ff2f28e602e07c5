"""Rows of the tables into records, and the selects that both the use cases and Reads need."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from storage.errors import AmbiguousExecution, UnknownCheckpoint, UnknownExecution
from storage.records import (
    Action,
    Checkpoint,
    Execution,
    Feedback,
    OnTimeout,
    OutboxKind,
    OutboxRow,
    PhaseOutput,
    PhaseRun,
)
from storage.states import PhaseRunState
from storage.tables import CHECKPOINT_IS_PENDING, checkpoints, executions, outbox, phase_runs

AnyRow = Row[Any]

UUID_LENGTH = 36
SHORTEST_PREFIX = 4


def to_execution(row: AnyRow) -> Execution:
    return Execution(
        id=row.id,
        crew=row.crew,
        definition=row.definition,
        state=row.state,
        version=row.version,
        request=row.request,
        requester=row.requester,
        created_at=row.created_at,
        updated_at=row.updated_at,
        channel=row.channel,
        thread_ts=row.thread_ts,
        phases=row.phases,
        left_out=row.left_out,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
        result=row.result,
        error=row.error,
    )


def to_phase_run(row: AnyRow) -> PhaseRun:
    return PhaseRun(
        id=row.id,
        execution_id=row.execution_id,
        phase=row.phase,
        phase_index=row.phase_index,
        attempt=row.attempt,
        revision=row.revision,
        state=row.state,
        fence=row.fence,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        not_before=row.not_before,
        lease_owner=row.lease_owner,
        lease_until=row.lease_until,
        feedback=row.feedback,
        revise_tasks=row.revise_tasks,
        output=row.output,
        progress=row.progress or {},
        error=row.error,
    )


def select_checkpoints() -> Select[Any]:
    """Checkpoints with the phase run whose output they show."""
    return select(checkpoints, phase_runs.c.phase, phase_runs.c.revision, phase_runs.c.output).join(
        phase_runs, phase_runs.c.id == checkpoints.c.phase_run_id
    )


def to_checkpoint(row: AnyRow) -> Checkpoint:
    return Checkpoint(
        id=row.id,
        execution_id=row.execution_id,
        phase_run_id=row.phase_run_id,
        name=row.name,
        description=row.description,
        phase=row.phase,
        revision=row.revision,
        rule=row.rule,
        state=row.state,
        created_at=row.created_at,
        deadline=row.deadline,
        output=row.output or PhaseOutput(""),
        feedback=_feedback(row),
        asked=row.asked,
        asked_by=row.asked_by,
        message_ts=row.message_ts,
    )


def _feedback(row: AnyRow) -> Feedback | None:
    if row.action is None:
        return None
    known: type[Action] | type[OnTimeout] = Action if row.action in _ACTIONS else OnTimeout
    return Feedback(
        action=known(row.action),
        text=row.text,
        actor=row.actor,
        at=row.decided_at,
        tasks=row.tasks,
    )


_ACTIONS = frozenset(Action)


def to_outbox_row(row: AnyRow) -> OutboxRow:
    """`row` carries `root_ts`, the execution's thread, beside the outbox's columns."""
    return OutboxRow(
        key=row.key,
        seq=row.seq,
        kind=OutboxKind(row.kind),
        execution_id=row.execution_id,
        checkpoint_id=row.checkpoint_id,
        payload=row.payload,
        state=row.state,
        channel=row.channel,
        thread_ts=row.moved_thread_ts if row.moved else row.root_ts,
        ts=row.ts,
        generation=row.generation,
        wanted=row.wanted,
        shown=row.shown,
        attempts=row.attempts,
        created_at=row.created_at,
        sent_at=row.sent_at,
    )


def select_outbox() -> Select[Any]:
    return select(outbox, executions.c.thread_ts.label("root_ts")).join(
        executions, executions.c.id == outbox.c.execution_id
    )


def find_execution(connection: Connection, execution_id: str, *, locked: bool = False) -> Execution:
    """By its id, or by the beginning of it. Raises UnknownExecution, AmbiguousExecution."""
    query = select(executions)
    if len(execution_id) == UUID_LENGTH:
        query = query.where(executions.c.id == execution_id)
    elif len(execution_id) >= SHORTEST_PREFIX:
        query = query.where(executions.c.id.startswith(execution_id, autoescape=True)).limit(2)
    else:
        raise UnknownExecution(execution_id)
    rows = connection.execute(query.with_for_update() if locked else query).all()
    if not rows:
        raise UnknownExecution(execution_id)
    if len(rows) > 1:
        raise AmbiguousExecution(execution_id)
    return to_execution(rows[0])


def execution_in_thread(
    connection: Connection, *, channel: str, thread_ts: str
) -> Execution | None:
    row = connection.execute(
        select(executions).where(
            executions.c.channel == channel, executions.c.thread_ts == thread_ts
        )
    ).first()
    return None if row is None else to_execution(row)


def find_checkpoint(connection: Connection, checkpoint_id: str) -> Checkpoint:
    """Raises UnknownCheckpoint."""
    row = connection.execute(select_checkpoints().where(checkpoints.c.id == checkpoint_id)).first()
    if row is None:
        raise UnknownCheckpoint(checkpoint_id)
    return to_checkpoint(row)


def waiting_checkpoint(connection: Connection, execution_id: str) -> Checkpoint | None:
    row = connection.execute(
        select_checkpoints().where(
            checkpoints.c.execution_id == execution_id, CHECKPOINT_IS_PENDING
        )
    ).first()
    return None if row is None else to_checkpoint(row)


def find_phase_run(connection: Connection, phase_run_id: str) -> PhaseRun:
    """One that is known to exist."""
    return to_phase_run(
        connection.execute(select(phase_runs).where(phase_runs.c.id == phase_run_id)).one()
    )


def phase_runs_of(connection: Connection, execution_id: str) -> tuple[PhaseRun, ...]:
    """All tries of all phases, oldest first."""
    rows = connection.execute(
        select(phase_runs)
        .where(phase_runs.c.execution_id == execution_id)
        .order_by(phase_runs.c.seq)
    )
    return tuple(map(to_phase_run, rows))


def newest_outputs(runs: Iterable[PhaseRun]) -> dict[int, tuple[str, PhaseOutput]]:
    """For each phase's index, its name and the output of its newest finished run."""
    return {
        run.phase_index: (run.phase, run.output)
        for run in runs
        if run.state is PhaseRunState.DONE and run.output is not None
    }
