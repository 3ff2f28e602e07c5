"""How long executions and the waits at checkpoints took, for monitoring."""

from __future__ import annotations

from storage.db.transaction import Transaction
from storage.measurements import Measure, Span, timed
from storage.records import ActorKind, Checkpoint, Execution, Feedback
from storage.states import ExecutionState


def measure_execution(tx: Transaction, ended: Execution) -> None:
    span = Span(
        ended.id,
        ended.id,
        f"execution {ended.crew}",
        started_at=ended.created_at,
        ended_at=tx.now,
        failed=ended.state is ExecutionState.ERROR,
        attributes={"crew": ended.crew, "state": ended.state.value},
    )
    tx.measure(timed(Measure.EXECUTION, ended.state.value, span))


def measure_decision(tx: Transaction, checkpoint: Checkpoint, feedback: Feedback) -> None:
    by_timeout = feedback.actor.kind is ActorKind.TIMEOUT
    label = "timeout" if by_timeout else feedback.action.value
    span = Span(
        checkpoint.execution_id,
        checkpoint.id,
        f"checkpoint {checkpoint.name}",
        started_at=checkpoint.created_at,
        ended_at=tx.now,
        parent=checkpoint.execution_id,
        attributes={"checkpoint": checkpoint.name, "action": label},
    )
    tx.measure(timed(Measure.DECISION, label, span))
