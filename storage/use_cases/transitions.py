"""The writes that several use cases share: moves by compare-and-set, the next phase run, views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from storage.boundaries import checkpoint_after
from storage.db import sql, statements
from storage.db.rows import newest_outputs
from storage.db.transaction import Transaction, new_id
from storage.definitions import CheckpointDefinition, CrewDefinition, DecisionRule
from storage.errors import Conflict, NoRule, StaleExecution
from storage.outbox import outbox
from storage.policy import reminder_times
from storage.records import (
    Actor,
    Checkpoint,
    CheckpointKind,
    Execution,
    Feedback,
    Pause,
    PhaseOutput,
    PhaseRun,
    TaskResult,
)
from storage.states import (
    ENDED,
    CheckpointState,
    ExecutionEvent,
    PhaseRunState,
    next_execution,
)
from storage.use_cases import claims


def move(tx: Transaction, execution: Execution, event: ExecutionEvent, **values: Any) -> Execution:
    """Move an execution by compare-and-set on its state and version.

    Raises StaleExecution if somebody else moved it since it was read, within a pipeline at its
    end.
    """
    values |= {
        "state": next_execution(execution.state, event),
        "version": execution.version + 1,
        "updated_at": tx.now,
    }
    if values["state"] in ENDED:
        values.setdefault("ended_at", tx.now)
    seen = {
        "of_id": execution.id,
        "of_state": execution.state,
        "of_version": execution.version,
    }
    result = sql.execute(tx.connection, statements.MOVE_EXECUTION, values | seen)
    tx.require(result, StaleExecution(execution.id))
    moved = replace(execution, **values)
    outbox.refresh_root(tx, moved)
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
    """Add the next try of a phase, and hand it to the workers or to one that is free here.

    Returns its id.
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
    seat = tx.seat() if delay is None else None
    if seat is not None:
        run = claims.taken(tx, run, owner=seat.owner)
    values = {name: getattr(run, name) for name in _OF_NEW_RUN}
    sql.execute(tx.connection, statements.ADD_RUN, {**values, "priority": 0 if tx.urgent else 1})
    if seat is None:
        tx.dispatch(run.id, not_before=run.not_before)
    else:
        tx.seated(claims.hand_over(tx, run, execution, owner=seat.owner))
    return run.id


_OF_NEW_RUN: Final = (
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
    """Take what is queued or running off the workers: they notice at their next heartbeat."""
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


def go_on(
    tx: Transaction,
    execution: Execution,
    *,
    after: int,
    onward: ExecutionEvent | None,
    last: ExecutionEvent,
) -> Execution:
    """After phase number `after`: move by `onward` and queue the next phase, or end by `last`.

    `onward` is None where the execution stays as it is between two phases.
    """
    following = after + 1
    if following < len(execution.phases):
        if onward is not None:
            execution = move(tx, execution, onward)
        queue_run(tx, execution, phase_index=following)
        outbox.refresh_root(tx, execution)
        return execution
    ended = move(tx, execution, last, result=_result(tx, execution))
    tx.audit(execution.id, "execution.completed")
    outbox.final(tx, ended)
    return ended


def resume_flow(tx: Transaction, execution: Execution, *, gate: str, after: int) -> Execution:
    """Queue what follows a gate. A flow's phases are written down as it comes to them."""
    phases = (*execution.phases[: after + 1], f"after {gate}")
    running = move(tx, execution, ExecutionEvent.PROCEED, phases=phases)
    queue_run(tx, running, phase_index=after + 1)
    return running


def _result(tx: Transaction, execution: Execution) -> PhaseOutput:
    """The last phase's text and every task's, without the runner's own dumps."""
    outputs = newest_outputs(tx.connection, execution.id)
    ordered = [outputs[index][1] for index in sorted(outputs)]
    return PhaseOutput(
        output=ordered[-1].output,
        tasks=tuple(
            TaskResult(task=task.task, agent=task.agent, output=task.output)
            for output in ordered
            for task in output.tasks
        ),
    )


def open_gate(tx: Transaction, execution: Execution, run: PhaseRun, pause: Pause) -> Execution:
    """Pause where a flow of its own accord stands still. Raises NoRule."""
    definition = inside(execution, pause.gate, description=pause.message)
    gate = {
        "kind": CheckpointKind.GATE,
        "outcomes": pause.outcomes,
        "default_outcome": pause.default_outcome,
    }
    return open_checkpoint(tx, execution, run, definition, inner=gate)


def inside(execution: Execution, name: str, *, description: str) -> CheckpointDefinition:
    """A checkpoint that arises inside a crew: as crews.yml has it, else by the crew's own rule.

    What crews.yml asks stands before what the crew itself says, and never instead of it.

    Raises NoRule.
    """
    definition = execution.definition
    own = next((gate for gate in definition.gates if gate.name == name), None)
    if own is not None:
        both = (own.description, description if own.description != description else "")
        return replace(own, description="\n".join(part for part in both if part))
    return CheckpointDefinition(name, _rule_inside(definition), description=description)


def _rule_inside(definition: CrewDefinition) -> DecisionRule:
    if definition.rule is not None:
        return definition.rule
    if definition.checkpoints:
        return definition.checkpoints[0].rule
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
    """Write a checkpoint down: waiting, or skipped in advance. Returns its id.

    `inner` are the columns of one that arises inside the crew.
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
    """Pause for a human: the checkpoint, its message and the execution's state."""
    checkpoint_id = add_checkpoint(
        tx, execution, run, definition, asked_by=_reviser(tx, execution, run), inner=inner
    )
    waiting = move(tx, execution, ExecutionEvent.CHECKPOINT)
    tx.audit(
        execution.id,
        "checkpoint.opened",
        checkpoint=checkpoint_id,
        name=definition.name,
        revision=run.revision,
    )
    outbox.checkpoint(tx, waiting, checkpoint_id)
    return waiting


def _reviser(tx: Transaction, execution: Execution, run: PhaseRun) -> Actor | None:
    """Who asked for the revision that this run made."""
    if run.revision == 1:
        return None
    revised = {"of_execution": execution.id, "of_state": CheckpointState.REVISED}
    return sql.execute(tx.connection, statements.LAST_REVISER, revised).scalar()


def next_reminder(opened: datetime, deadline: datetime, *, after: datetime) -> datetime | None:
    """The first reminder of this checkpoint that is still to come."""
    coming = [at for at in reminder_times(opened, deadline).values() if at > after]
    return min(coming, default=None)


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

    Raises Conflict if somebody else decided it since it was read, within a pipeline at its end:
    the next try sees what they decided.
    """
    values = {"of_id": checkpoint.id, **decided(state, feedback, delivery=delivery)}
    tx.require(
        sql.execute(tx.connection, statements.DECIDE, values),
        Conflict("another decision was faster"),
    )
    outbox.refresh_checkpoint(tx, execution, checkpoint.id)


def decided(
    state: CheckpointState, feedback: Feedback | None, *, delivery: str | None = None
) -> dict[str, object]:
    """The columns of a checkpoint that is decided, or taken back where there is no feedback."""
    values: dict[str, object] = {"state": state, "remind_at": None}
    if feedback is not None:
        values |= {
            "action": feedback.action.value,
            "text": feedback.text,
            "tasks": feedback.tasks,
            "outcome": feedback.outcome,
            "actor": feedback.actor,
            "decided_at": feedback.at,
            "delivery": delivery,
        }
    return values
