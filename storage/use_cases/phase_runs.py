"""Use cases of the workers: claim, heartbeat, done, fail, give back, recover.

Every write after the claim carries its fence: a worker whose lease was taken writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from storage.boundaries import resolve
from storage.db import sql, statements
from storage.db.rows import AnyRow, find_due, lock_execution
from storage.db.transaction import Transaction
from storage.definitions import CrewDefinition, PhaseDefinition
from storage.outbox import outbox
from storage.records import Claim, Execution, Failure, PhaseOutput, PhaseRun, Usage
from storage.states import (
    ExecutionEvent,
    ExecutionState,
    PhaseRunEvent,
    PhaseRunState,
    next_phase_run,
)
from storage.use_cases import claims, clock_correction, questions, transitions

MOST_LOSSES: Final = 20
"""A phase that outlived so many of its workers is taken to be what kills them."""

RECOVERED_AT_ONCE: Final = 500


def anything_due(connection: Connection, now: datetime) -> bool:
    """Whether a claim would find something: what an idle worker asks, without a write lock."""
    return sql.execute(connection, statements.ANYTHING_DUE, {"now": now}).first() is not None


def claim(tx: Transaction, *, owner: str, phase_run_id: str | None = None) -> Claim | None:
    """The claim, or None if nothing is due or another worker was faster."""
    due = find_due(tx.connection, tx.now, phase_run_id)
    if due is None:
        return None
    run, execution = due.run, due.execution
    lost = run.state is PhaseRunState.RUNNING
    if lost and due.losses >= MOST_LOSSES:
        _give_up(tx, run, execution)
        return None
    taken = claims.taken(tx, run, owner=owner)
    values = {name: getattr(taken, name) for name in _OF_TAKEN}
    if not _take(tx, run, {**values, "losses": due.losses + lost}):
        return None
    if execution.state is ExecutionState.PENDING:
        execution = transitions.move(tx, execution, ExecutionEvent.CLAIM)
    elif execution.state is ExecutionState.WAITING_FEEDBACK:
        execution = questions.withdraw(tx, execution)
    else:
        outbox.refresh_root(tx, execution)
    return claims.hand_over(tx, taken, execution, owner=owner, lost=lost)


_OF_TAKEN: Final = ("state", "fence", "started_at", "lease_owner", "lease_until")


def _take(tx: Transaction, run: PhaseRun, values: dict[str, Any]) -> bool:
    """By compare-and-set on its fence, while it is still due; whether nobody else was faster."""
    seen = {"of_id": run.id, "of_fence": run.fence, "now": tx.now}
    return sql.execute(tx.connection, statements.TAKE_RUN, {**values, **seen}).changed == 1


def _give_up(tx: Transaction, run: PhaseRun, execution: Execution) -> None:
    failed = {"state": next_phase_run(run.state, PhaseRunEvent.FAIL), "ended_at": tx.now}
    if _take(tx, run, failed):
        _error(tx, execution, f"The worker died {MOST_LOSSES} times in phase {run.phase!r}.")


def _own(tx: Transaction, held: Claim, **values: Any) -> None:
    """Write to the claimed phase run if it is still this worker's."""
    claims.own(tx, held.run, **values)


def heartbeat(tx: Transaction, held: Claim) -> Claim:
    until = tx.now + tx.lease
    _own(tx, held, lease_until=until)
    return replace(held, lease_until=until)


def progress(
    tx: Transaction, held: Claim, progress: dict[str, object], usage: Usage | None
) -> None:
    _own(tx, held, progress=progress, **_used(usage))
    outbox.refresh_root(tx, held.execution)


def _used(usage: Usage | None) -> dict[str, Usage]:
    return {} if usage is None else {"usage": usage}


def give_back(tx: Transaction, held: Claim, usage: Usage | None) -> None:
    state = next_phase_run(PhaseRunState.RUNNING, PhaseRunEvent.GIVE_BACK)
    _own(tx, held, state=state, lease_owner=None, lease_until=None, **_used(usage))
    tx.audit(held.execution.id, "phase.given_back", run=held.run.id)
    tx.dispatch(held.run.id, again=True)


def record_phases(
    tx: Transaction,
    held: Claim,
    phases: tuple[PhaseDefinition, ...],
    arising: Sequence[tuple[str, str, str]],
) -> Claim:
    execution = lock_execution(tx, held.execution.id)
    names = tuple(phase.name for phase in phases)
    definition = _described(execution, phases, names, arising)
    phase = names[held.run.phase_index]
    _own(tx, held, phase=phase)
    described = {"of_id": execution.id, "phases": names, "definition": definition}
    sql.execute(tx.connection, statements.CHANGE_EXECUTION, described)
    outbox.refresh_root(tx, execution)
    return replace(
        held,
        run=replace(held.run, phase=phase),
        execution=replace(execution, phases=names, definition=definition),
    )


def _described(
    execution: Execution,
    phases: tuple[PhaseDefinition, ...],
    names: tuple[str, ...],
    arising: Sequence[tuple[str, str, str]],
) -> CrewDefinition:
    """The execution's definition with what the crew told of itself."""
    written = resolve(execution.definition.checkpoints, names)
    taken = {checkpoint.after for checkpoint in written}
    inner = [
        replace(transitions.inside(execution, name, description=description), after=after)
        for name, after, description in arising
        if after not in taken
    ]
    return replace(execution.definition, phases=phases, checkpoints=(*written, *inner))


def done(
    tx: Transaction, held: Claim, output: PhaseOutput, usage: Usage | None = None
) -> Execution:
    used = _used(output.usage if usage is None else usage)
    execution = _ended(tx, held, PhaseRunEvent.DONE, output=output, **used)
    run = held.run
    tx.audit(execution.id, "phase.done", run=run.id, phase=run.phase, revision=run.revision)
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
    return transitions.go_on(
        tx, execution, after=run.phase_index, onward=None, last=ExecutionEvent.FINISH
    )


def fail(
    tx: Transaction, held: Claim, failure: Failure, usage: Usage | None, *, backoff: timedelta
) -> Execution:
    execution = _ended(tx, held, PhaseRunEvent.FAIL, error=failure.message, **_used(usage))
    run = held.run
    tx.audit(execution.id, "phase.failed", run=run.id, attempt=run.attempt)
    if not failure.retryable or run.attempt >= execution.definition.tries:
        return _error(tx, execution, failure.message)
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


def _ended(tx: Transaction, held: Claim, event: PhaseRunEvent, **values: Any) -> Execution:
    """Write down how the claimed phase run ended; its execution, locked.

    The execution is locked first, as everywhere: who holds the run and waits for the execution
    would meet somebody who cancels and does the reverse.
    """
    execution = lock_execution(tx, held.execution.id)
    _own(
        tx,
        held,
        state=next_phase_run(PhaseRunState.RUNNING, event),
        ended_at=tx.now,
        lease_owner=None,
        lease_until=None,
        **values,
    )
    return execution


def _error(tx: Transaction, execution: Execution, message: str) -> Execution:
    failed = transitions.move(tx, execution, ExecutionEvent.FAIL, error=message)
    tx.audit(execution.id, "execution.failed")
    outbox.outcome(tx, failed, {"notice": "error"}, key=f"error:{failed.version}")
    return failed


def release_leases(tx: Transaction, owners: Sequence[str]) -> int:
    tx.messages_released = outbox.release_leases(tx.connection, owners)
    held = sql.execute(tx.connection, statements.RUNNING_OF_OWNERS, {"owners": list(owners)})
    return tx.messages_released + sum(_release(tx, row) for row in held.rows)


def _release(tx: Transaction, row: AnyRow) -> bool:
    """Queue a run of an owner who died, unless it ended or was taken since it was read."""
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
    clock_correction.clear_late_waits(tx)
    due = {"now": tx.now, "most": RECOVERED_AT_ONCE}
    run_ids = sql.execute(tx.connection, statements.ALL_DUE, due).scalars()
    for run_id in run_ids:
        tx.dispatch(run_id, again=True)
    return len(run_ids)
