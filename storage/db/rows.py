"""Conversion of rows to records, and the queries that both the use cases and Reads need."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Select

from storage.db import sql, statements
from storage.db.transaction import Transaction
from storage.definitions import OnTimeout
from storage.errors import AmbiguousExecution, UnknownCheckpoint, UnknownExecution
from storage.messages import OutboxKind, OutboxRow
from storage.records import (
    Action,
    Checkpoint,
    Execution,
    Feedback,
    MessageRef,
    PhaseOutput,
    PhaseRun,
    Resume,
    RevisionMeans,
)

AnyRow: TypeAlias = Any
"""A named tuple with a statement's columns."""

UUID_LENGTH: Final = 36
SHORTEST_PREFIX: Final = 4


def to_execution(row: AnyRow) -> Execution:
    """Convert a row of `statements.EXECUTION_COLUMNS`."""
    return Execution(**{name: getattr(row, name) for name in _EXECUTION_FIELDS})


def to_joined_execution(row: AnyRow) -> Execution:
    """Convert the execution in a row of a statement that joins it to something else."""
    return Execution(**{name: getattr(row, f"execution_{name}_") for name in _EXECUTION_FIELDS})


def to_phase_run(row: AnyRow) -> PhaseRun:
    """Convert a row of `statements.PHASE_RUN_COLUMNS`."""
    return PhaseRun(**{name: getattr(row, name) for name in _PHASE_RUN_FIELDS})


_EXECUTION_FIELDS: Final = [field.name for field in fields(Execution)]
_PHASE_RUN_FIELDS: Final = [field.name for field in fields(PhaseRun)]


def to_checkpoint(row: AnyRow) -> Checkpoint:
    """Convert a row of `statements.CHECKPOINTS`."""
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
        output=row.shown or row.output or PhaseOutput(""),
        feedback=_feedback(row),
        asked=row.asked,
        asked_by=row.asked_by,
        message_ts=row.message_ts,
        kind=row.kind,
        outcomes=row.outcomes or (),
        lessons=row.lessons or (),
        summary=row.summary,
        form=row.form or (),
    )


def _feedback(row: AnyRow) -> Feedback | None:
    if row.action is None:
        return None
    kind: type[Action] | type[OnTimeout] = Action if row.action in _ACTIONS else OnTimeout
    return Feedback(
        action=kind(row.action),
        text=row.text,
        actor=row.actor,
        at=row.decided_at,
        tasks=row.tasks,
        outcome=row.outcome,
        values=row.form_values or {},
        means=row.means or RevisionMeans.RUN,
    )


_ACTIONS = frozenset(Action)


def to_outbox_row(row: AnyRow) -> OutboxRow:
    """Convert a row of `message_statements.MESSAGES`."""
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
        version=row.version,
        shown_version=row.shown_version,
        attempts=row.attempts,
        created_at=row.created_at,
        sent_at=row.sent_at,
        lease_owner=row.lease_owner,
        permalink=row.permalink,
    )


# --- executions ---------------------------------------------------------------------------------


def find_execution(connection: Connection, execution_id: str) -> Execution:
    """Return an execution by its id or a prefix of it.

    Raises UnknownExecution, AmbiguousExecution.
    """
    if len(execution_id) != UUID_LENGTH:
        execution_id = _expand_prefix(connection, execution_id)
    return _load_execution(connection, statements.EXECUTION, execution_id)


def lock_execution(tx: Transaction, execution_id: str) -> Execution:
    """Return an execution like `find_execution`, locked until the transaction ends."""
    if len(execution_id) != UUID_LENGTH:
        execution_id = _expand_prefix(tx.connection, execution_id)
    return _load_execution(tx.connection, statements.EXECUTION_LOCKED, execution_id)


def _load_execution(connection: Connection, statement: Select[Any], execution_id: str) -> Execution:
    row = sql.execute(connection, statement, {"of_id": execution_id}).first()
    if row is None:
        raise UnknownExecution(execution_id)
    return to_execution(row)


def _expand_prefix(connection: Connection, prefix: str) -> str:
    start = prefix.lower()
    if not SHORTEST_PREFIX <= len(start) < UUID_LENGTH or not _is_prefix(start):
        raise UnknownExecution(prefix)
    between = {"of_first": start + _LEAST[len(start) :], "of_last": start + _MOST[len(start) :]}
    ids = sql.execute(connection, statements.EXECUTIONS_BETWEEN, between).scalars()
    if not ids:
        raise UnknownExecution(prefix)
    if len(ids) > 1:
        raise AmbiguousExecution(prefix)
    return str(ids[0])


_LEAST: Final = "00000000-0000-0000-0000-000000000000"
_MOST: Final = _LEAST.replace("0", "f")
"""UUIDs have the same order in every collation, so an index finds those between two of them."""


def _is_prefix(text: str) -> bool:
    """Whether an id can start with this text."""
    return all(
        character == "-" if shape == "-" else character in "0123456789abcdef"
        for character, shape in zip(text, _LEAST, strict=False)
    )


def execution_in_thread(
    connection: Connection, *, channel: str, thread_ts: str
) -> Execution | None:
    thread = {"of_channel": channel, "of_thread_ts": thread_ts}
    row = sql.execute(connection, statements.EXECUTION_IN_THREAD, thread).first()
    return None if row is None else to_execution(row)


# --- checkpoints --------------------------------------------------------------------------------


def find_checkpoint(connection: Connection, checkpoint_id: str) -> Checkpoint:
    """Raises UnknownCheckpoint."""
    row = sql.execute(connection, statements.CHECKPOINT, {"of_id": checkpoint_id}).first()
    if row is None:
        raise UnknownCheckpoint(checkpoint_id)
    return to_checkpoint(row)


def waiting_checkpoint(connection: Connection, execution_id: str) -> Checkpoint | None:
    values = {"of_execution": execution_id}
    row = sql.execute(connection, statements.WAITING_CHECKPOINT, values).first()
    return None if row is None else to_checkpoint(row)


def revisions_of(
    connection: Connection, execution_id: str, *, phase_index: int
) -> tuple[Checkpoint, ...]:
    """Return the checkpoints of all revisions of a phase, oldest first."""
    of_phase = {"of_execution": execution_id, "of_index": phase_index}
    rows = sql.execute(connection, statements.CHECKPOINTS_OF_PHASE, of_phase).rows
    return tuple(map(to_checkpoint, rows))


@dataclass(frozen=True, slots=True)
class DecidableCheckpoint:
    """A checkpoint with everything its decision needs.

    `message` is the one that shows it. `delivery` is set if it was decided by a delivery.
    """

    checkpoint: Checkpoint
    phase_index: int
    message: MessageRef | None
    delivery: str | None
    default_outcome: str | None
    execution: Execution


def find_decidable(tx: Transaction, checkpoint_id: str) -> DecidableCheckpoint:
    """Return a checkpoint for its decision, with its execution locked until the transaction ends.

    Raises UnknownCheckpoint.
    """
    values = {"of_id": checkpoint_id}
    row = sql.execute(tx.connection, statements.CHECKPOINT_TO_DECIDE, values).first()
    if row is None:
        raise UnknownCheckpoint(checkpoint_id)
    return _to_decidable(row)


def find_overdue(connection: Connection, now: datetime, limit: int) -> list[DecidableCheckpoint]:
    """Return checkpoints past their deadline, the oldest deadline first, without their outputs.

    Their executions are locked, too. Those that somebody else has locked are skipped.
    """
    overdue = sql.execute(connection, statements.OVERDUE, {"now": now, "most": limit})
    return [_to_decidable(row) for row in overdue.rows]


def _to_decidable(row: AnyRow) -> DecidableCheckpoint:
    is_posted = row.message_channel is not None and row.message_ts is not None
    return DecidableCheckpoint(
        checkpoint=to_checkpoint(row),
        phase_index=row.phase_index,
        message=MessageRef(row.message_channel, row.message_ts) if is_posted else None,
        delivery=row.delivery,
        default_outcome=row.default_outcome,
        execution=to_joined_execution(row),
    )


# --- phase runs ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DueRun:
    """A phase run that may be claimed. `losses` counts its workers that died.

    `urgent`: a person has decided and waits for it.
    """

    run: PhaseRun
    losses: int
    urgent: bool
    execution: Execution


def find_due(connection: Connection, now: datetime, phase_run_id: str | None) -> DueRun | None:
    """Return the oldest due phase run, or the given one if it is due, with its execution locked."""
    if phase_run_id is None:
        due = sql.execute(connection, statements.OLDEST_DUE, {"now": now})
    else:
        values = {"now": now, "of_id": phase_run_id}
        due = sql.execute(connection, statements.RUN_IF_DUE, values)
    row = due.first()
    return (
        None
        if row is None
        else DueRun(to_phase_run(row), row.losses, row.priority == 0, to_joined_execution(row))
    )


def phase_runs_of(connection: Connection, execution_id: str) -> tuple[PhaseRun, ...]:
    """Return all tries of all phases, oldest first."""
    runs = sql.execute(connection, statements.PHASE_RUNS, {"of_execution": execution_id})
    return tuple(map(to_phase_run, runs.rows))


def last_run_of(connection: Connection, execution_id: str) -> PhaseRun:
    """Return the newest phase run of an execution; there is always one."""
    runs = sql.execute(connection, statements.LAST_RUN, {"of_execution": execution_id})
    return to_phase_run(runs.rows[0])


def resume_of(connection: Connection, execution_id: str, *, phase_index: int) -> Resume | None:
    """Return what the flow that paused before this phase resumes with."""
    before = {"of_execution": execution_id, "of_index": phase_index - 1}
    row = sql.execute(connection, statements.LAST_GATE, before).first()
    if row is None or row.output is None or row.output.pause is None:
        return None
    feedback = to_checkpoint(row).feedback
    return None if feedback is None else Resume(row.output.pause, feedback)


def newest_outputs(connection: Connection, execution_id: str) -> dict[int, tuple[str, PhaseOutput]]:
    """Return, for each phase's index, its name and the output of its newest finished run."""
    outputs = sql.execute(connection, statements.OUTPUTS, {"of_execution": execution_id})
    return {row.phase_index: (row.phase, row.output) for row in outputs.rows}
