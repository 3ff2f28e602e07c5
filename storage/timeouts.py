"""Use cases of the ticks: deadlines, reminders, and what is kept only for a while."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from storage import changes, decisions, inbox, outbox, statements
from storage.policy import ACTION_OF_TIMEOUT, reminder_times
from storage.records import TIMEOUT, Checkpoint, Feedback
from storage.rows import ToDecide, find_execution, find_to_decide, to_checkpoint
from storage.states import CheckpointEvent, CheckpointState, ExecutionEvent, next_checkpoint
from storage.tables import CHECKPOINT_IS_PENDING, checkpoints
from storage.transaction import Transaction


def expire_due(tx: Transaction, *, limit: int) -> int:
    overdue = {"now": tx.now, "most": limit}
    due = tx.connection.execute(statements.OVERDUE, overdue).scalars().all()
    return sum(_expire(tx, find_to_decide(tx.connection, found)) for found in due)


def _expire(tx: Transaction, found: ToDecide) -> bool:
    checkpoint, execution = found.checkpoint, found.execution
    if checkpoint.state is not CheckpointState.PENDING:
        return False
    effect = checkpoint.rule.on_timeout
    outcome = found.default_outcome if checkpoint.outcomes else None
    feedback = Feedback(action=effect, text="", actor=TIMEOUT, at=tx.now, outcome=outcome)
    state = next_checkpoint(checkpoint.state, CheckpointEvent.EXPIRE)
    if not changes.record_feedback(tx, execution, checkpoint, state, feedback):
        return False
    tx.audit(
        execution.id,
        "checkpoint.expired",
        actor=TIMEOUT,
        checkpoint=checkpoint.id,
        effect=effect.value,
    )
    action = ACTION_OF_TIMEOUT[effect]
    if action is None:
        changes.cancel_runs(tx, execution)
        after = changes.move(
            tx,
            execution,
            ExecutionEvent.EXPIRE,
            error=f"Nobody decided {checkpoint.name} in time.",
        )
    else:
        after = decisions.take_effect(tx, found, action, feedback)
    outbox.outcome(
        tx,
        after,
        {"notice": "expired", "checkpoint": checkpoint.id},
        key=f"expired:{checkpoint.id}",
    )
    return True


def remind_due(tx: Transaction, *, limit: int) -> int:
    due = tx.connection.execute(
        statements.CHECKPOINTS.where(CHECKPOINT_IS_PENDING)
        .where(checkpoints.c.remind_at <= tx.now)
        .order_by(checkpoints.c.remind_at)
        .limit(limit)
    ).all()
    return sum(_remind(tx, to_checkpoint(row), was=row.remind_at) for row in due)


def _remind(tx: Transaction, checkpoint: Checkpoint, *, was: object) -> bool:
    if checkpoint.deadline is None:
        return False
    following = changes.next_reminder(checkpoint.created_at, checkpoint.deadline, after=tx.now)
    changed = tx.connection.execute(
        update(checkpoints)
        .where(checkpoints.c.id == checkpoint.id, checkpoints.c.remind_at == was)
        .values(remind_at=following)
    )
    times = reminder_times(checkpoint.created_at, checkpoint.deadline)
    passed = [which for which, at in times.items() if at <= tx.now]
    if changed.rowcount != 1 or not passed or tx.now >= checkpoint.deadline:
        return False
    execution = find_execution(tx.connection, checkpoint.execution_id)
    outbox.reminder(tx, execution, checkpoint.id, which=passed[-1])
    return True


def forget_deliveries(tx: Transaction, *, older_than: timedelta) -> int:
    return inbox.forget(tx, before=tx.now - older_than)
