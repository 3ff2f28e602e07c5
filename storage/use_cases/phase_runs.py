"""Use cases of the workers: claim, heartbeat, done, fail, give back, recover.

Every write after the claim carries its fence: a worker that has lost its lease writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from storage import measurements
from storage.boundaries import at_methods, resolve, resolve_tasks
from storage.db import sql, statements
from storage.db.rows import AnyRow, find_due, lock_execution
from storage.db.transaction import Transaction
from storage.definitions import CrewDefinition, PhaseDefinition
from storage.measurements import Measure, Measurement, Span, timed
from storage.outbox import new_messages as outbox
from storage.outbox.outbox import release_leases as release_messages
from storage.records import Claim, Execution, Failure, PhaseOutput, PhaseRun, Usage
from storage.states import (
    ExecutionEvent,
    ExecutionState,
    PhaseRunEvent,
    PhaseRunState,
    next_phase_run,
)
from storage.use_cases import (
    amp_reports,
    claims,
    clock_correction,
    files,
    questions,
    transitions,
)

MAX_LOSSES: Final = 20
"""A phase whose workers died so often is assumed to be the cause."""

RECOVERY_BATCH: Final = 500


def anything_due(connection: Connection, now: datetime) -> bool:
    """Whether there is something to claim. Idle workers ask this, as it takes no write lock."""
    return sql.execute(connection, statements.ANYTHING_DUE, {"now": now}).first() is not None


def claim(tx: Transaction, *, owner: str, phase_run_id: str | None = None) -> Claim | None:
    """Return the claim, or None if nothing is due or another worker was faster."""
    due = find_due(tx.connection, tx.now, phase_run_id)
    if due is None:
        return None
    run, execution = due.run, due.execution
    lost = run.state is PhaseRunState.RUNNING
    if lost and due.losses >= MAX_LOSSES:
        _give_up(tx, run, execution)
        return None
    claimed = claims.as_claimed(tx, run, owner=owner)
    values = {name: getattr(claimed, name) for name in _CLAIM_COLUMNS}
    if not _take_run(tx, run, {**values, "losses": due.losses + lost}):
        return None
    if not lost:
        ready_at = run.not_before or run.created_at
        label = "decision" if due.urgent else "other"
        waited = max(0.0, (tx.now - ready_at).total_seconds())
        tx.measure(Measurement(Measure.PICKUP, waited, label))
    if execution.state is ExecutionState.PENDING:
        execution = transitions.apply(tx, execution, ExecutionEvent.CLAIM)
    elif execution.state is ExecutionState.WAITING_FEEDBACK:
        execution = questions.withdraw(tx, execution)
    else:
        outbox.refresh_root(tx, execution)
    return claims.build_claim(tx, claimed, execution, owner=owner, lost=lost)


_CLAIM_COLUMNS: Final = ("state", "fence", "started_at", "lease_owner", "lease_until")


def _take_run(tx: Transaction, run: PhaseRun, values: dict[str, Any]) -> bool:
    """Write by compare-and-set on the fence, if the run is still due. Returns whether it was."""
    still_due = {"of_id": run.id, "of_fence": run.fence, "now": tx.now}
    return sql.execute(tx.connection, statements.TAKE_RUN, {**values, **still_due}).changed == 1


def _give_up(tx: Transaction, run: PhaseRun, execution: Execution) -> None:
    failed = {"state": next_phase_run(run.state, PhaseRunEvent.FAIL), "ended_at": tx.now}
    if _take_run(tx, run, failed):
        _fail_execution(
            tx, execution, f"The worker died {MAX_LOSSES} times in phase {run.phase!r}."
        )


def _update(tx: Transaction, claim: Claim, **values: Any) -> None:
    """Write to the claimed phase run. Raises LeaseLost if it is no longer this worker's."""
    claims.update_claimed(tx, claim.run, **values)


def heartbeat(tx: Transaction, claim: Claim) -> Claim:
    until = tx.now + tx.lease
    _update(tx, claim, lease_until=until)
    return replace(claim, lease_until=until)


def progress(
    tx: Transaction, claim: Claim, progress: dict[str, object], usage: Usage | None
) -> None:
    _update(tx, claim, progress=progress, **_usage_column(usage))
    outbox.refresh_root(tx, claim.execution)
    amp_reports.queue_step(tx, claim.execution, progress)


def _usage_column(usage: Usage | None) -> dict[str, Usage]:
    return {} if usage is None else {"usage": usage}


def release_claim(tx: Transaction, claim: Claim, usage: Usage | None) -> None:
    state = next_phase_run(PhaseRunState.RUNNING, PhaseRunEvent.GIVE_BACK)
    _update(tx, claim, state=state, lease_owner=None, lease_until=None, **_usage_column(usage))
    tx.audit(claim.execution.id, "phase.given_back", run=claim.run.id)
    tx.dispatch(claim.run.id, again=True)


def record_phases(
    tx: Transaction,
    claim: Claim,
    phases: tuple[PhaseDefinition, ...],
    task_checkpoints: Sequence[tuple[str, str, str]],
    methods: Sequence[str] = (),
) -> Claim:
    execution = lock_execution(tx, claim.execution.id)
    if methods:
        execution = replace(execution, definition=at_methods(execution.definition, methods))
    names = tuple(phase.name for phase in phases)
    definition = _with_phases(execution, phases, names, task_checkpoints)
    phase = names[claim.run.phase_index]
    _update(tx, claim, phase=phase)
    values = {"of_id": execution.id, "phases": names, "definition": definition}
    sql.execute(tx.connection, statements.CHANGE_EXECUTION, values)
    outbox.refresh_root(tx, execution)
    return replace(
        claim,
        run=replace(claim.run, phase=phase),
        execution=replace(execution, phases=names, definition=definition),
    )


def _with_phases(
    execution: Execution,
    phases: tuple[PhaseDefinition, ...],
    names: tuple[str, ...],
    task_checkpoints: Sequence[tuple[str, str, str]],
) -> CrewDefinition:
    """Return the execution's definition, completed by the crew's description of itself."""
    defined = execution.definition
    if defined.phases:
        configured = resolve(defined.checkpoints, names)
    else:
        configured = resolve_tasks(defined.checkpoints, phases)
    taken = {checkpoint.after for checkpoint in configured}
    inner = [
        replace(transitions.inner_definition(execution, name, description=description), after=after)
        for name, after, description in task_checkpoints
        if after not in taken
    ]
    return replace(defined, phases=phases, checkpoints=(*configured, *inner))


def done(
    tx: Transaction,
    claim: Claim,
    output: PhaseOutput,
    usage: Usage | None = None,
    file_rows: Sequence[files.Row] = (),
) -> Execution:
    used = output.usage if usage is None else usage
    execution = _finish_run(tx, claim, PhaseRunEvent.DONE, used, output=output)
    run = replace(claim.run, output=output)
    files.keep(tx, claim, file_rows)
    tx.audit(execution.id, "phase.done", run=run.id, phase=run.phase, revision=run.revision)
    amp_reports.queue_tasks(tx, execution, run, output)
    if output.pause is not None:
        return transitions.open_gate(tx, execution, run, output.pause)
    boundary = transitions.boundary_of(execution, run)
    if boundary is not None and boundary.name not in execution.left_out:
        return transitions.open_checkpoint(tx, execution, run, boundary)
    if boundary is not None:
        skipped = transitions.add_checkpoint(
            tx, execution, run, boundary, skipped_by=execution.requester
        )
        tx.audit(
            execution.id,
            "checkpoint.left_out",
            actor=execution.requester,
            checkpoint=skipped,
            name=boundary.name,
        )
    return transitions.advance(
        tx, execution, after=run.phase_index, next_event=None, last=ExecutionEvent.FINISH
    )


def fail(
    tx: Transaction, claim: Claim, failure: Failure, usage: Usage | None, *, backoff: timedelta
) -> Execution:
    execution = _finish_run(tx, claim, PhaseRunEvent.FAIL, usage, error=failure.message)
    run = claim.run
    tx.audit(execution.id, "phase.failed", run=run.id, attempt=run.attempt)
    if not failure.retryable or run.attempt >= execution.definition.tries:
        return _fail_execution(tx, execution, failure.message, retry_helps=failure.retry_helps)
    transitions.queue_run(
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


def _finish_run(
    tx: Transaction, claim: Claim, event: PhaseRunEvent, usage: Usage | None, **values: Any
) -> Execution:
    """Store how the claimed phase run ended. Returns its execution, locked.

    The execution is locked first, as everywhere: the other order would deadlock with a cancel.
    """
    execution = lock_execution(tx, claim.execution.id)
    state = next_phase_run(PhaseRunState.RUNNING, event)
    _update(
        tx,
        claim,
        state=state,
        ended_at=tx.now,
        lease_owner=None,
        lease_until=None,
        **_usage_column(usage),
        **values,
    )
    span = Span(
        execution.id,
        claim.run.id,
        f"phase {claim.run.phase}",
        started_at=claim.run.started_at or tx.now,
        ended_at=tx.now,
        parent=execution.id,
        failed=event is PhaseRunEvent.FAIL,
        attributes={
            "phase": claim.run.phase,
            "revision": claim.run.revision,
            "attempt": claim.run.attempt,
        },
    )
    tx.measure(timed(Measure.PHASE, state.value, span))
    tx.measurements.extend(measurements.of_usage(usage or {}))
    return execution


def _fail_execution(
    tx: Transaction, execution: Execution, message: str, *, retry_helps: bool = True
) -> Execution:
    failed = transitions.apply(
        tx, execution, ExecutionEvent.FAIL, error=message, retry_helps=retry_helps
    )
    tx.audit(execution.id, "execution.failed")
    outbox.add_event_notice(tx, failed, {"notice": "error"}, key=f"error:{failed.version}")
    return failed


def release_leases(tx: Transaction, owners: Sequence[str]) -> int:
    tx.messages_released = release_messages(tx.connection, owners)
    running = sql.execute(tx.connection, statements.RUNNING_OF_OWNERS, {"owners": list(owners)})
    return tx.messages_released + sum(_release(tx, row) for row in running.rows)


def _release(tx: Transaction, row: AnyRow) -> bool:
    """Queue a dead owner's run again, unless it ended or was claimed since it was read."""
    released = sql.execute(
        tx.connection,
        statements.CHANGE_RUNNING,
        {
            "of_id": row.id,
            "of_fence": row.fence,
            "state": next_phase_run(PhaseRunState.RUNNING, PhaseRunEvent.GIVE_BACK),
            "losses": row.losses + 1,
            "lease_owner": None,
            "lease_until": None,
        },
    )
    if released.changed != 1:
        return False
    tx.audit(row.execution_id, "phase.released", run=row.id)
    tx.dispatch(row.id, again=True)
    return True


def recover(tx: Transaction) -> int:
    clock_correction.clear_future_waits(tx)
    due = {"now": tx.now, "most": RECOVERY_BATCH}
    run_ids = sql.execute(tx.connection, statements.ALL_DUE, due).scalars()
    for run_id in run_ids:
        tx.dispatch(run_id, again=True)
    return len(run_ids)
