"""Writes that several use cases share: transitions, phase runs, checkpoints, decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from storage import kept_files
from storage.boundaries import checkpoint_after, name_at_method
from storage.db import sql, statements
from storage.db.rows import newest_outputs
from storage.db.transaction import Transaction, new_id
from storage.definitions import CheckpointDefinition, CrewDefinition, DecisionRule
from storage.errors import Conflict, NoRule, StaleExecution
from storage.measurements import Measure, Measurement
from storage.outbox import new_messages as outbox
from storage.policy import reminder_times
from storage.records import (
    Action,
    Actor,
    Checkpoint,
    CheckpointKind,
    Execution,
    Feedback,
    OutputFile,
    Pause,
    PhaseOutput,
    PhaseRun,
    TaskResult,
)
from storage.states import (
    ENDED,
    CheckpointState,
    ExecutionEvent,
    ExecutionState,
    PhaseRunState,
    next_execution,
)
from storage.use_cases import amp_reports, claims, durations, files


def apply(tx: Transaction, execution: Execution, event: ExecutionEvent, **values: Any) -> Execution:
    """Apply an event to an execution by compare-and-set on its state and version.

    Raises StaleExecution if somebody else changed it since it was read; within a pipeline, at the
    end of it.
    """
    values |= {
        "state": next_execution(execution.state, event),
        "version": execution.version + 1,
        "updated_at": tx.now,
    }
    if values["state"] in ENDED:
        values.setdefault("ended_at", tx.now)
    expected = {
        "of_id": execution.id,
        "of_state": execution.state,
        "of_version": execution.version,
    }
    result = sql.execute(tx.connection, statements.MOVE_EXECUTION, values | expected)
    tx.require(result, StaleExecution(execution.id))
    moved = replace(execution, **values)
    tx.set_state(execution.id, moved.state, has_webhooks=moved.has_webhooks)
    if moved.state in ENDED or moved.state is ExecutionState.ERROR:
        durations.measure_execution(tx, moved)
    outbox.refresh_root(tx, moved)
    if moved.state in ENDED or moved.state is ExecutionState.ERROR:
        amp_reports.queue_end(tx, moved)
    return moved


def queue_run(
    tx: Transaction,
    execution: Execution,
    *,
    phase_index: int,
    attempt: int = 1,
    revision: int = 1,
    feedback: str = "",
    revise_tasks: tuple[str, ...] = (),
    delay: timedelta | None = None,
) -> str:
    """Add the next try of a phase. Returns its id.

    It is dispatched to the workers, or claimed at once if this process has a free slot for it.
    """
    run = PhaseRun(
        id=new_id(),
        execution_id=execution.id,
        phase=execution.phases[phase_index] if execution.phases else "",
        phase_index=phase_index,
        attempt=attempt,
        revision=revision,
        state=PhaseRunState.QUEUED,
        fence=0,
        created_at=tx.now,
        not_before=None if delay is None else tx.now + delay,
        feedback=feedback,
        revise_tasks=revise_tasks,
    )
    slot = tx.reserve_slot() if delay is None else None
    if slot is not None:
        tx.measure(Measurement(Measure.PICKUP, 0, "decision"))
        run = claims.as_claimed(tx, run, owner=slot.owner)
    values = {name: getattr(run, name) for name in _NEW_RUN_COLUMNS}
    sql.execute(tx.connection, statements.ADD_RUN, {**values, "priority": 0 if tx.urgent else 1})
    if slot is None:
        tx.dispatch(run.id, not_before=run.not_before)
    else:
        tx.assign_slot(claims.build_claim(tx, run, execution, owner=slot.owner))
    return run.id


def add_done_run(tx: Transaction, run: PhaseRun) -> None:
    """Add a run that is done already: its output is a text that a person wrote or chose."""
    values = {name: getattr(run, name) for name in (*_NEW_RUN_COLUMNS, "ended_at", "output")}
    sql.execute(tx.connection, statements.ADD_RUN, values)
    tx.audit(run.execution_id, "phase.done", run=run.id, phase=run.phase, revision=run.revision)


_NEW_RUN_COLUMNS: Final = (
    "id",
    "execution_id",
    "phase",
    "phase_index",
    "attempt",
    "revision",
    "state",
    "fence",
    "created_at",
    "started_at",
    "not_before",
    "lease_owner",
    "lease_until",
    "feedback",
    "revise_tasks",
)


def cancel_runs(tx: Transaction, execution: Execution) -> None:
    """Cancel the queued and running phase runs: their workers notice at the next heartbeat."""
    sql.execute(
        tx.connection,
        statements.CHANGE_OPEN_RUNS,
        {
            "of_execution": execution.id,
            "state": PhaseRunState.CANCELLED,
            "ended_at": tx.now,
            "lease_owner": None,
            "lease_until": None,
        },
    )


def advance(
    tx: Transaction,
    execution: Execution,
    *,
    after: int,
    next_event: ExecutionEvent | None,
    last: ExecutionEvent,
) -> Execution:
    """Queue the phase after number `after`, or complete the execution by the event `last`.

    `next_event` is applied before the next phase; None if the state stays as it is.
    """
    next_index = after + 1
    if next_index < len(execution.phases):
        if next_event is not None:
            execution = apply(tx, execution, next_event)
        queue_run(tx, execution, phase_index=next_index)
        outbox.refresh_root(tx, execution)
        return execution
    outputs = newest_outputs(tx.connection, execution.id)
    written = {
        file.path: (file, run_id)
        for index, run_id in files.approve_unreviewed(tx, execution).items()
        for file in outputs[index][1].files
    }
    result = _result(outputs, tuple(file for file, _run_id in written.values()))
    ended = apply(tx, execution, last, result=result)
    tx.audit(execution.id, "execution.completed")
    outbox.add_final(
        tx, ended, files=[(f.path, written[f.path][1]) for f in kept_files.shown(result.files)]
    )
    return ended


def resume_flow(tx: Transaction, execution: Execution, *, gate: str, after: int) -> Execution:
    """Queue the phase after a gate. The phases of a flow are recorded as it reaches them."""
    phases = (*execution.phases[: after + 1], f"after {gate}")
    running = apply(tx, execution, ExecutionEvent.PROCEED, phases=phases)
    queue_run(tx, running, phase_index=after + 1)
    return running


def _result(
    outputs: Mapping[int, tuple[str, PhaseOutput]], written: tuple[OutputFile, ...]
) -> PhaseOutput:
    """Return the last phase's text and every task's, without the runner's own dumps.

    `written` are the files that no checkpoint has shown.
    """
    ordered = [outputs[index][1] for index in sorted(outputs)]
    return PhaseOutput(
        output=ordered[-1].output,
        tasks=tuple(
            TaskResult(task=task.task, agent=task.agent, output=task.output)
            for output in ordered
            for task in output.tasks
        ),
        files=written,
    )


def open_gate(tx: Transaction, execution: Execution, run: PhaseRun, pause: Pause) -> Execution:
    """Open the checkpoint of a flow that paused itself. Raises NoRule."""
    name = name_at_method(execution.definition, pause)
    definition = inner_definition(execution, name, description=pause.message)
    definition = replace(definition, form=())  # a flow would not get its values
    gate = {
        "kind": CheckpointKind.GATE,
        "outcomes": pause.outcomes,
        "default_outcome": pause.default_outcome,
    }
    return open_checkpoint(tx, execution, run, definition, inner=gate)


def inner_definition(execution: Execution, name: str, *, description: str) -> CheckpointDefinition:
    """Return the definition of a checkpoint that arises inside a crew.

    It comes from crews.yml if it is named there, else from the crew's default rule. A description
    in crews.yml comes before the crew's own and does not replace it. Raises NoRule.
    """
    definition = execution.definition
    own = next((gate for gate in definition.gates if gate.name == name), None)
    if own is not None:
        both = (own.description, description if own.description != description else "")
        return replace(own, description="\n".join(part for part in both if part))
    return CheckpointDefinition(name, _inner_rule(definition), description=description)


def _inner_rule(definition: CrewDefinition) -> DecisionRule:
    if definition.rule is not None:
        return definition.rule
    at_methods = (gate for gate in definition.gates if gate.after or gate.before)
    first = next(iter((*definition.checkpoints, *at_methods)), None)
    if first is not None:
        return first.rule
    raise NoRule(definition.name)


def boundary_of(execution: Execution, run: PhaseRun) -> CheckpointDefinition | None:
    return checkpoint_after(execution.definition.checkpoints, execution.phases, run.phase_index)


def add_checkpoint(
    tx: Transaction,
    execution: Execution,
    run: PhaseRun,
    definition: CheckpointDefinition,
    *,
    skipped_by: Actor | None = None,
    asked_by: Actor | None = None,
    inner: Mapping[str, object] | None = None,
) -> str:
    """Store a checkpoint: pending, or skipped in advance. Returns its id.

    `inner` are further columns of one that arises inside the crew.
    """
    checkpoint_id = new_id()
    timeout = definition.rule.timeout
    deadline = None if timeout is None else tx.now + timeout
    values: dict[str, object] = {"state": CheckpointState.PENDING, "deadline": deadline}
    if deadline is not None:
        values["remind_at"] = next_reminder(tx.now, deadline, after=tx.now)
    if skipped_by is not None:
        values = {
            "state": CheckpointState.SKIPPED,
            "action": "skip",
            "text": "",
            "tasks": (),
            "actor": skipped_by,
            "decided_at": tx.now,
        }
    sql.execute(
        tx.connection,
        statements.ADD_CHECKPOINT,
        {
            "id": checkpoint_id,
            "execution_id": execution.id,
            "phase_run_id": run.id,
            "name": definition.name,
            "description": definition.description,
            "summary": definition.summary,
            "form": definition.form,
            "rule": definition.rule,
            "created_at": tx.now,
            "asked": run.feedback,
            "asked_by": asked_by,
            **(inner or {}),
            **values,
        },
    )
    return checkpoint_id


def open_checkpoint(
    tx: Transaction,
    execution: Execution,
    run: PhaseRun,
    definition: CheckpointDefinition,
    *,
    inner: Mapping[str, object] | None = None,
) -> Execution:
    """Pause for a person: store the checkpoint, its messages, and the execution's state.

    `run` has its output, whose files are posted with the checkpoint.
    """
    checkpoint_id = add_checkpoint(
        tx, execution, run, definition, asked_by=_reviser(tx, execution, run), inner=inner
    )
    waiting = apply(tx, execution, ExecutionEvent.CHECKPOINT)
    tx.audit(
        execution.id,
        "checkpoint.opened",
        checkpoint=checkpoint_id,
        name=definition.name,
        phase=run.phase or None,
        revision=run.revision,
        kind=None if inner is None else inner["kind"],
    )
    written = () if run.output is None else run.output.files
    shown = [(file.path, run.id) for file in kept_files.shown(written)]
    outbox.add_checkpoint(tx, waiting, checkpoint_id, files=shown)
    amp_reports.queue_request(tx, waiting, checkpoint_id)
    return waiting


def _reviser(tx: Transaction, execution: Execution, run: PhaseRun) -> Actor | None:
    """Return who asked for the revision that this run made, if it is one."""
    if run.revision == 1:
        return None
    revised = {"of_execution": execution.id, "of_state": CheckpointState.REVISED}
    return sql.execute(tx.connection, statements.LAST_REVISER, revised).scalar()


def next_reminder(opened: datetime, deadline: datetime, *, after: datetime) -> datetime | None:
    """Return the time of the checkpoint's first reminder after `after`, or None."""
    upcoming = [at for at in reminder_times(opened, deadline).values() if at > after]
    return min(upcoming, default=None)


def record_feedback(
    tx: Transaction,
    execution: Execution,
    checkpoint: Checkpoint,
    state: CheckpointState,
    feedback: Feedback | None,
    *,
    delivery: str | None = None,
) -> None:
    """Decide a checkpoint by compare-and-set.

    Raises Conflict if somebody else decided it since it was read; within a pipeline, at the end of
    it. The next try sees their decision.
    """
    values = {"of_id": checkpoint.id, **decision_columns(state, feedback, delivery=delivery)}
    tx.require(
        sql.execute(tx.connection, statements.DECIDE, values),
        Conflict("another decision was faster"),
    )
    outbox.refresh_checkpoint(tx, execution, checkpoint.id)
    if feedback is not None:
        durations.measure_decision(tx, checkpoint, feedback)


def decision_columns(
    state: CheckpointState, feedback: Feedback | None, *, delivery: str | None = None
) -> dict[str, object]:
    """Return the columns of a decided checkpoint, or of a cancelled one if there is no feedback."""
    values: dict[str, object] = {"state": state, "remind_at": None}
    if feedback is not None:
        values |= {
            "action": feedback.action.value,
            "text": feedback.text,
            "tasks": feedback.tasks,
            "outcome": feedback.outcome,
            "form_values": feedback.values,
            "means": feedback.means if feedback.action is Action.REVISE else None,
            "actor": feedback.actor,
            "decided_at": feedback.at,
            "delivery": delivery,
        }
    return values
