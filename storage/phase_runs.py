"""Use cases of the workers: claim, heartbeat, done, fail, give back, recover.

Every write after the claim carries its fence: a worker whose lease was taken writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select, update

from storage import changes, outbox
from storage.boundaries import resolve
from storage.errors import LeaseLost
from storage.records import Claim, Execution, Failure, PhaseOutput
from storage.rows import (
    AnyRow,
    find_execution,
    newest_outputs,
    phase_runs_of,
)
from storage.states import (
    ExecutionEvent,
    ExecutionState,
    PhaseRunEvent,
    PhaseRunState,
    next_phase_run,
)
from storage.tables import RUN_IS_OPEN, executions, phase_runs
from storage.transaction import Transaction

MOST_LOSSES: Final = 20
"""A phase that outlived so many of its workers is taken to be what kills them."""

RECOVERED_AT_ONCE: Final = 500


def _due(now: datetime) -> ColumnElement[bool]:
    queued = and_(
        phase_runs.c.state == PhaseRunState.QUEUED,
        or_(phase_runs.c.not_before.is_(None), phase_runs.c.not_before <= now),
    )
    return and_(RUN_IS_OPEN, or_(queued, _lapsed(now)))


def _lapsed(now: datetime) -> ColumnElement[bool]:
    return and_(phase_runs.c.state == PhaseRunState.RUNNING, phase_runs.c.lease_until < now)


def _oldest_due(now: datetime) -> Select[Any]:
    return select(phase_runs).where(_due(now)).order_by(phase_runs.c.seq).limit(1)


def anything_due(connection: Connection, now: datetime) -> bool:
    """Whether a claim would find something: what an idle worker asks, without a write lock."""
    return (
        connection.execute(_oldest_due(now).with_only_columns(phase_runs.c.seq)).first() is not None
    )


def claim(tx: Transaction, *, owner: str, lease: timedelta) -> Claim | None:
    row = tx.connection.execute(_oldest_due(tx.now).with_for_update(skip_locked=True)).first()
    if row is None:
        return None
    lost = row.state is PhaseRunState.RUNNING
    if lost and row.losses >= MOST_LOSSES:
        _give_up(tx, row)
        return None
    fence, until = row.fence + 1, tx.now + lease
    taken = tx.connection.execute(
        update(phase_runs)
        .where(phase_runs.c.id == row.id, phase_runs.c.fence == row.fence, _due(tx.now))
        .values(
            state=next_phase_run(row.state, PhaseRunEvent.CLAIM),
            fence=fence,
            losses=row.losses + lost,
            started_at=tx.now,
            lease_owner=owner,
            lease_until=until,
        )
    )
    if taken.rowcount != 1:
        return None
    execution = find_execution(tx.connection, row.execution_id, locked=True)
    if execution.state is ExecutionState.PENDING:
        execution = changes.move(tx, execution, ExecutionEvent.CLAIM)
    else:
        outbox.refresh_root(tx, execution)
    tx.audit(execution.id, "phase.claimed", run=row.id, fence=fence, lost=lost or None)
    runs = phase_runs_of(tx.connection, execution.id)
    outputs = newest_outputs(runs)
    return Claim(
        run=next(run for run in runs if run.id == row.id),
        execution=execution,
        done=tuple(outputs[index] for index in sorted(outputs) if index < row.phase_index),
        previous=outputs[row.phase_index][1] if row.phase_index in outputs else None,
        owner=owner,
        fence=fence,
        lease_until=until,
    )


def _give_up(tx: Transaction, row: AnyRow) -> None:
    tx.connection.execute(
        update(phase_runs)
        .where(phase_runs.c.id == row.id, phase_runs.c.fence == row.fence)
        .values(state=next_phase_run(row.state, PhaseRunEvent.FAIL), ended_at=tx.now)
    )
    execution = find_execution(tx.connection, row.execution_id, locked=True)
    _error(
        tx,
        execution,
        f"The worker died {MOST_LOSSES} times in phase {row.phase!r}.",
    )


def _own(tx: Transaction, held: Claim, **values: Any) -> None:
    """Write to the claimed phase run if it is still this worker's."""
    changed = tx.connection.execute(
        update(phase_runs)
        .where(
            phase_runs.c.id == held.run.id,
            phase_runs.c.fence == held.fence,
            phase_runs.c.state == PhaseRunState.RUNNING,
        )
        .values(**values)
    )
    if changed.rowcount != 1:
        raise LeaseLost(held.run.id)


def heartbeat(tx: Transaction, held: Claim, *, lease: timedelta) -> Claim:
    until = tx.now + lease
    _own(tx, held, lease_until=until)
    return replace(held, lease_until=until)


def progress(tx: Transaction, held: Claim, progress: dict[str, object]) -> None:
    _own(tx, held, progress=progress)
    outbox.refresh_root(tx, held.execution)


def give_back(tx: Transaction, held: Claim) -> None:
    state = next_phase_run(PhaseRunState.RUNNING, PhaseRunEvent.GIVE_BACK)
    _own(tx, held, state=state, lease_owner=None, lease_until=None)
    tx.audit(held.execution.id, "phase.given_back", run=held.run.id)
    tx.dispatch(held.run.id)


def record_phases(tx: Transaction, held: Claim, phases: tuple[str, ...]) -> Claim:
    resolve(held.execution.definition.checkpoints, phases)
    phase = phases[held.run.phase_index]
    _own(tx, held, phase=phase)
    tx.connection.execute(
        update(executions).where(executions.c.id == held.execution.id).values(phases=phases)
    )
    outbox.refresh_root(tx, held.execution)
    return replace(
        held,
        run=replace(held.run, phase=phase),
        execution=find_execution(tx.connection, held.execution.id),
    )


def done(tx: Transaction, held: Claim, output: PhaseOutput) -> Execution:
    _own(
        tx,
        held,
        state=next_phase_run(PhaseRunState.RUNNING, PhaseRunEvent.DONE),
        output=output,
        ended_at=tx.now,
        lease_owner=None,
        lease_until=None,
    )
    execution = find_execution(tx.connection, held.execution.id, locked=True)
    run = held.run
    tx.audit(execution.id, "phase.done", run=run.id, phase=run.phase, revision=run.revision)
    boundary = changes.boundary_of(execution, run)
    if boundary is not None and boundary.name not in execution.left_out:
        return changes.open_checkpoint(tx, execution, run, boundary)
    if boundary is not None:
        skipped = changes.add_checkpoint(
            tx, execution, run, boundary, skipped_by=execution.requester
        )
        tx.audit(
            execution.id,
            "checkpoint.left_out",
            actor=execution.requester,
            checkpoint=skipped,
            name=boundary.name,
        )
    return changes.go_on(tx, execution, run, onward=None, last=ExecutionEvent.FINISH)


def fail(tx: Transaction, held: Claim, failure: Failure, *, backoff: timedelta) -> Execution:
    _own(
        tx,
        held,
        state=next_phase_run(PhaseRunState.RUNNING, PhaseRunEvent.FAIL),
        error=failure.message,
        ended_at=tx.now,
        lease_owner=None,
        lease_until=None,
    )
    execution = find_execution(tx.connection, held.execution.id, locked=True)
    run = held.run
    tx.audit(execution.id, "phase.failed", run=run.id, attempt=run.attempt)
    if not failure.retryable or run.attempt >= execution.definition.tries:
        return _error(tx, execution, failure.message)
    changes.queue_run(
        tx,
        execution,
        phase_index=run.phase_index,
        attempt=run.attempt + 1,
        revision=run.revision,
        feedback=run.feedback,
        revise_tasks=run.revise_tasks,
        delay=backoff * 2 ** (run.attempt - 1),
    )
    outbox.refresh_root(tx, execution)
    return execution


def _error(tx: Transaction, execution: Execution, message: str) -> Execution:
    failed = changes.move(tx, execution, ExecutionEvent.FAIL, error=message)
    tx.audit(execution.id, "execution.failed")
    outbox.outcome(tx, failed, {"notice": "error"}, key=f"error:{failed.version}")
    return failed


def release(tx: Transaction, owners: Sequence[str]) -> int:
    rows = tx.connection.execute(
        select(phase_runs).where(
            phase_runs.c.state == PhaseRunState.RUNNING, phase_runs.c.lease_owner.in_(owners)
        )
    ).all()
    for row in rows:
        released = tx.connection.execute(
            update(phase_runs)
            .where(phase_runs.c.id == row.id, phase_runs.c.fence == row.fence)
            .values(
                state=next_phase_run(row.state, PhaseRunEvent.GIVE_BACK),
                losses=row.losses + 1,
                lease_owner=None,
                lease_until=None,
            )
        )
        if released.rowcount == 1:
            tx.audit(row.execution_id, "phase.released", run=row.id)
            tx.dispatch(row.id)
    return len(rows)


def recover(tx: Transaction) -> int:
    due = tx.connection.execute(
        select(phase_runs.c.id)
        .where(_due(tx.now))
        .order_by(phase_runs.c.seq)
        .limit(RECOVERED_AT_ONCE)
    ).scalars()
    run_ids = list(due)
    for run_id in run_ids:
        tx.dispatch(run_id)
    return len(run_ids)
