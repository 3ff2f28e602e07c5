"""Use cases of the ticks: deadlines, reminders, and what is kept only for a while."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Select, update

from storage import changes, decisions, inbox, outbox
from storage.policy import ACTION_OF_TIMEOUT, reminder_times
from storage.records import TIMEOUT, Checkpoint, Feedback
from storage.rows import find_execution, select_checkpoints, to_checkpoint
from storage.states import CheckpointEvent, ExecutionEvent, next_checkpoint
from storage.tables import CHECKPOINT_IS_PENDING, checkpoints
from storage.transaction import Transaction


def expire_due(tx: Transaction, *, limit: int) -> int:
    due = tx.connection.execute(
        _pending()
        .where(checkpoints.c.deadline <= tx.now)
        .order_by(checkpoints.c.deadline)
        .limit(limit)
    ).all()
    return sum(_expire(tx, to_checkpoint(row)) for row in due)


def _pending() -> Select[Any]:
    return select_checkpoints().where(CHECKPOINT_IS_PENDING)


def _expire(tx: Transaction, checkpoint: Checkpoint) -> bool:
    execution = find_execution(tx.connection, checkpoint.execution_id, locked=True)
    effect = checkpoint.rule.on_timeout
    feedback = Feedback(action=effect, text="", actor=TIMEOUT, at=tx.now)
    state = next_checkpoint(checkpoint.state, CheckpointEvent.EXPIRE)
    if not changes.record_feedback(tx, checkpoint, state, feedback):
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
        after = changes.move(
            tx,
            execution,
            ExecutionEvent.EXPIRE,
            error=f"Nobody decided {checkpoint.name} in time.",
        )
    else:
        after = decisions.take_effect(tx, execution, checkpoint, action, feedback)
    outbox.outcome(
        tx,
        after,
        {"notice": "expired", "checkpoint": checkpoint.id},
        key=f"expired:{checkpoint.id}",
    )
    return True


def remind_due(tx: Transaction, *, limit: int) -> int:
    due = tx.connection.execute(
        _pending()
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
