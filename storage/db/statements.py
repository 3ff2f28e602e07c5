"""The statements of the use cases, built once: building one costs several times its execution.

Parameters whose names start with `of_` select the row. An UPDATE sets the columns named by its
other parameters, an INSERT those named by all of them. A column has the name of its record's field.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

from sqlalchemy import (
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    update,
)

from storage.db.tables import (
    CHECKPOINT_IS_PENDING,
    RUN_IS_DONE,
    RUN_IS_OPEN,
    RUN_IS_QUEUED,
    RUN_IS_RUNNING,
    checkpoints,
    crew_reports,
    executions,
    inbox,
    phase_runs,
    revise_intents,
)
from storage.records import CheckpointKind, Execution, PhaseRun, RevisionMeans
from storage.states import PROCEEDED, CheckpointState, ExecutionState

# --- executions ---------------------------------------------------------------------------------

EXECUTION_COLUMNS: Final = [executions.c[field.name] for field in fields(Execution)]
JOINED_EXECUTION: Final = [
    column.label(f"execution_{column.name}_") for column in EXECUTION_COLUMNS
]
"""An execution's columns, joined to another table's; `rows.to_joined_execution` reads them."""

ADD_EXECUTION: Final = insert(executions)

EXECUTION: Final = select(*EXECUTION_COLUMNS).where(executions.c.id == bindparam("of_id"))

EXECUTION_LOCKED: Final = EXECUTION.with_for_update()

EXECUTION_IN_THREAD: Final = select(*EXECUTION_COLUMNS).where(
    executions.c.channel == bindparam("of_channel"),
    executions.c.thread_ts == bindparam("of_thread_ts"),
)

EXECUTIONS_BETWEEN: Final = (
    select(executions.c.id)
    .where(executions.c.id.between(bindparam("of_first"), bindparam("of_last")))
    .limit(2)
)

MOVE_EXECUTION: Final = update(executions).where(
    executions.c.id == bindparam("of_id"),
    executions.c.state == bindparam("of_state"),
    executions.c.version == bindparam("of_version"),
)

CHANGE_EXECUTION: Final = update(executions).where(executions.c.id == bindparam("of_id"))

# --- phase runs ---------------------------------------------------------------------------------

PHASE_RUN_COLUMNS: Final = [phase_runs.c[field.name] for field in fields(PhaseRun)]
DUE: Final = and_(
    RUN_IS_OPEN,
    or_(
        and_(
            RUN_IS_QUEUED,
            or_(phase_runs.c.not_before.is_(None), phase_runs.c.not_before <= bindparam("now")),
        ),
        and_(RUN_IS_RUNNING, phase_runs.c.lease_until < bindparam("now")),
    ),
)
"""Queued and not postponed, or running with a lease that expired before `now`."""

ADD_RUN: Final = insert(phase_runs)

_DUE_RUNS: Final[Select[Any]] = (
    select(*PHASE_RUN_COLUMNS, phase_runs.c.losses, phase_runs.c.priority, *JOINED_EXECUTION)
    .join(executions, executions.c.id == phase_runs.c.execution_id)
    .where(DUE)
)

OLDEST_DUE: Final = (
    _DUE_RUNS.order_by(phase_runs.c.priority, phase_runs.c.seq)
    .limit(1)
    .with_for_update(skip_locked=True)
)
"""The oldest of the highest priority, for which a person waits who has just decided. Locks the run
and its execution together or skips them: it never waits for one with a lock on the other."""

RUN_IF_DUE: Final = _DUE_RUNS.where(phase_runs.c.id == bindparam("of_id")).with_for_update(
    of=executions
)
"""For a worker that was woken for this run. It waits for a lock on the execution, so the run may
have changed since it was read: TAKE_RUN checks that."""

ANYTHING_DUE: Final = select(phase_runs.c.seq).where(DUE).order_by(phase_runs.c.seq).limit(1)

ALL_DUE: Final = (
    select(phase_runs.c.id).where(DUE).order_by(phase_runs.c.seq).limit(bindparam("most"))
)

TAKE_RUN: Final = update(phase_runs).where(
    phase_runs.c.id == bindparam("of_id"), phase_runs.c.fence == bindparam("of_fence"), DUE
)

CHANGE_RUNNING: Final = update(phase_runs).where(
    phase_runs.c.id == bindparam("of_id"),
    phase_runs.c.fence == bindparam("of_fence"),
    RUN_IS_RUNNING,
)

CHANGE_QUEUED: Final = update(phase_runs).where(
    phase_runs.c.id == bindparam("of_id"),
    phase_runs.c.fence == bindparam("of_fence"),
    RUN_IS_QUEUED,
)

CHANGE_OPEN_RUNS: Final = update(phase_runs).where(
    phase_runs.c.execution_id == bindparam("of_execution"), RUN_IS_OPEN
)

PHASE_RUNS: Final = (
    select(*PHASE_RUN_COLUMNS)
    .where(phase_runs.c.execution_id == bindparam("of_execution"))
    .order_by(phase_runs.c.seq)
)

LAST_RUN: Final = (
    select(*PHASE_RUN_COLUMNS)
    .where(phase_runs.c.execution_id == bindparam("of_execution"))
    .order_by(phase_runs.c.seq.desc())
    .limit(1)
)

OUTPUTS: Final = (
    select(phase_runs.c.phase_index, phase_runs.c.phase, phase_runs.c.output)
    .where(phase_runs.c.execution_id == bindparam("of_execution"), RUN_IS_DONE)
    .order_by(phase_runs.c.seq)
)

USAGES: Final = select(phase_runs.c.usage).where(
    phase_runs.c.execution_id == bindparam("of_execution"),
    phase_runs.c.id != bindparam("of_id"),
    phase_runs.c.usage.is_not(None),
)
"""The usages of an execution's other runs."""

RUNNING_OF_OWNERS: Final = select(
    phase_runs.c.id, phase_runs.c.execution_id, phase_runs.c.fence, phase_runs.c.losses
).where(RUN_IS_RUNNING, phase_runs.c.lease_owner.in_(bindparam("owners", expanding=True)))

# --- checkpoints --------------------------------------------------------------------------------

ADD_CHECKPOINT: Final = insert(checkpoints)

CHECKPOINTS: Final[Select[Any]] = select(
    checkpoints,
    phase_runs.c.phase,
    phase_runs.c.revision,
    phase_runs.c.output,
    phase_runs.c.lessons,
).join(phase_runs, phase_runs.c.id == checkpoints.c.phase_run_id)
"""Checkpoints, joined to the columns of their phase runs that they show."""

CHECKPOINT: Final = CHECKPOINTS.where(checkpoints.c.id == bindparam("of_id"))

WAITING_CHECKPOINT: Final = CHECKPOINTS.where(
    checkpoints.c.execution_id == bindparam("of_execution"), CHECKPOINT_IS_PENDING
)

_EXECUTION_WAITS: Final = executions.c.state == literal_column(
    f"'{ExecutionState.WAITING_FEEDBACK.value}'"
)

CHECKPOINT_TO_DECIDE: Final = (
    CHECKPOINT.add_columns(phase_runs.c.phase_index, *JOINED_EXECUTION)
    .join(executions, executions.c.id == checkpoints.c.execution_id)
    .with_for_update(of=executions)
)
"""A checkpoint and its execution, which is locked. After waiting for the lock, the checkpoint may
have changed since it was read: DECIDE checks that."""

CHECKPOINTS_OF_PHASE: Final = CHECKPOINTS.where(
    checkpoints.c.execution_id == bindparam("of_execution"),
    checkpoints.c.kind == literal_column(f"'{CheckpointKind.PHASE.value}'"),
    phase_runs.c.phase_index == bindparam("of_index"),
).order_by(checkpoints.c.seq)
"""All revisions of a phase that a person has seen, oldest first."""

PLACE_OF_CHECKPOINT: Final = (
    select(checkpoints.c.execution_id, phase_runs.c.phase_index)
    .join(phase_runs, phase_runs.c.id == checkpoints.c.phase_run_id)
    .where(checkpoints.c.id == bindparam("of_id"))
)

REVISIONS_BY_RUN: Final = (
    select(func.count())
    .select_from(checkpoints)
    .join(phase_runs, phase_runs.c.id == checkpoints.c.phase_run_id)
    .where(
        checkpoints.c.execution_id == bindparam("of_execution"),
        checkpoints.c.kind.in_(
            [
                literal_column(f"'{kind.value}'")
                for kind in (CheckpointKind.PHASE, CheckpointKind.GATE)
            ]
        ),
        checkpoints.c.state == literal_column(f"'{CheckpointState.REVISED.value}'"),
        or_(
            checkpoints.c.means.is_(None),
            checkpoints.c.means == literal_column(f"'{RevisionMeans.RUN.value}'"),
        ),
        phase_runs.c.phase_index == bindparam("of_index"),
    )
)
"""How often a phase was run again with a reviewer's words."""

FORM_VALUES: Final = (
    select(checkpoints.c.form_values)
    .where(
        checkpoints.c.execution_id == bindparam("of_execution"),
        checkpoints.c.state == literal_column(f"'{CheckpointState.APPROVED.value}'"),
        checkpoints.c.form_values.is_not(None),
    )
    .order_by(checkpoints.c.seq)
)

LAST_GATE: Final = (
    CHECKPOINTS.where(
        checkpoints.c.execution_id == bindparam("of_execution"),
        checkpoints.c.kind == literal_column(f"'{CheckpointKind.GATE.value}'"),
        phase_runs.c.phase_index == bindparam("of_index"),
    )
    .order_by(checkpoints.c.seq.desc())
    .limit(1)
)

DECIDE: Final = update(checkpoints).where(
    checkpoints.c.id == bindparam("of_id"), CHECKPOINT_IS_PENDING
)

ANSWERED_QUESTION: Final = (
    select(checkpoints.c.id)
    .where(
        checkpoints.c.phase_run_id == bindparam("of_run"),
        checkpoints.c.question_key == bindparam("of_key"),
        checkpoints.c.state.in_(
            [literal_column(f"'{state.value}'") for state in sorted(PROCEEDED)]
        ),
        checkpoints.c.given_to < bindparam("of_fence"),
    )
    .order_by(checkpoints.c.seq)
    .limit(1)
)
"""A question answered for an earlier claim of this phase run, which did not use the answer."""

LAST_REVISER: Final = (
    select(checkpoints.c.actor)
    .where(
        checkpoints.c.execution_id == bindparam("of_execution"),
        checkpoints.c.state == bindparam("of_state"),
    )
    .order_by(checkpoints.c.seq.desc())
    .limit(1)
)

LAST_REVISED: Final = (
    CHECKPOINTS.where(
        checkpoints.c.execution_id == bindparam("of_execution"),
        checkpoints.c.state == bindparam("of_state"),
    )
    .order_by(checkpoints.c.seq.desc())
    .limit(1)
)

OVERDUE: Final = (
    select(
        checkpoints,
        phase_runs.c.phase,
        phase_runs.c.revision,
        null().label("output"),
        null().label("lessons"),
        phase_runs.c.phase_index,
        *JOINED_EXECUTION,
    )
    .join(phase_runs, phase_runs.c.id == checkpoints.c.phase_run_id)
    .join(executions, executions.c.id == checkpoints.c.execution_id)
    .where(CHECKPOINT_IS_PENDING, checkpoints.c.deadline <= bindparam("now"), _EXECUTION_WAITS)
    .order_by(checkpoints.c.deadline, checkpoints.c.seq)
    .limit(bindparam("most"))
    .with_for_update(of=executions, skip_locked=True)
)
"""Like CHECKPOINT_TO_DECIDE, but without the outputs, which may be long and are not needed here.
Concurrent ticks get different rows, and skip those that somebody is deciding."""

DECIDE_ALL: Final = (
    update(checkpoints)
    .where(checkpoints.c.id.in_(bindparam("of_ids", expanding=True)), CHECKPOINT_IS_PENDING)
    .returning(checkpoints.c.id)
)

REMINDERS_DUE: Final = (
    select(
        checkpoints.c.id.label("checkpoint_id"),
        checkpoints.c.created_at.label("opened"),
        checkpoints.c.deadline,
        *JOINED_EXECUTION,
    )
    .join(executions, executions.c.id == checkpoints.c.execution_id)
    .where(
        CHECKPOINT_IS_PENDING,
        checkpoints.c.remind_at <= bindparam("now"),
        checkpoints.c.deadline > bindparam("now"),
        _EXECUTION_WAITS,
    )
    .order_by(checkpoints.c.remind_at, checkpoints.c.seq)
    .limit(bindparam("most"))
    .with_for_update(of=executions, skip_locked=True)
)

TAKE_REMINDERS: Final = (
    update(checkpoints)
    .where(
        checkpoints.c.id.in_(bindparam("of_ids", expanding=True)),
        checkpoints.c.remind_at <= bindparam("now"),
        CHECKPOINT_IS_PENDING,
    )
    .values(remind_at=None)
    .returning(checkpoints.c.id)
)

RAISES: Final = (
    select(func.count())
    .select_from(checkpoints)
    .where(
        checkpoints.c.execution_id == bindparam("of_execution"),
        checkpoints.c.kind == literal_column(f"'{CheckpointKind.BUDGET.value}'"),
        checkpoints.c.state.in_(
            [literal_column(f"'{state.value}'") for state in sorted(PROCEEDED)]
        ),
    )
)
"""How often an execution's budget was raised."""

ADD_INTENT: Final = insert(revise_intents)

INTENT: Final = select(revise_intents.c.expires_at).where(
    revise_intents.c.means == bindparam("of_means"),
    revise_intents.c.checkpoint_id == bindparam("of_checkpoint"),
    revise_intents.c.actor_id == bindparam("of_actor"),
)

DROP_INTENT: Final = delete(revise_intents).where(
    revise_intents.c.checkpoint_id == bindparam("of_checkpoint"),
    revise_intents.c.actor_id == bindparam("of_actor"),
)

# --- leases, deliveries and the log ---------------------------------------------------------------

LEASE_OWNERS_OF_RUNS: Final = (
    select(phase_runs.c.lease_owner)
    .where(RUN_IS_RUNNING, phase_runs.c.lease_owner.is_not(None))
    .distinct()
)

CHANGE_CHECKPOINT: Final = update(checkpoints).where(checkpoints.c.id == bindparam("of_id"))

DELIVERED: Final = select(inbox.c.key, inbox.c.execution_id).where(
    inbox.c.key == bindparam("of_key")
)

ADD_DELIVERY: Final = insert(inbox)

FORGET_DELIVERIES: Final = delete(inbox).where(inbox.c.at < bindparam("before"))

ADD_REPORT: Final = insert(crew_reports)
CHANGE_REPORT: Final = update(crew_reports).where(crew_reports.c.crew == bindparam("of_crew"))
