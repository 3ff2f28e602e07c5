"""Use cases of the ticks: deadlines, reminders, and what is kept only for a while."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from storage.db import sql, statements
from storage.db.rows import AnyRow, DecidableCheckpoint, execution_beside, find_overdue
from storage.db.transaction import Transaction
from storage.outbox import outbox
from storage.policy import ACTION_OF_TIMEOUT, reminder_times
from storage.records import TIMEOUT, Feedback
from storage.states import CheckpointEvent, CheckpointState, ExecutionEvent, next_checkpoint
from storage.use_cases import decisions, inbox, transitions


def expire_due(tx: Transaction, *, limit: int) -> int:
    """In `tx` the deadlines of many executions are decided together.

    Executions that somebody else has locked, who may be deciding, are passed by.
    """
    expiring = [
        (found, _feedback(tx, found)) for found in find_overdue(tx.connection, tx.now, limit)
    ]
    decided = _decide(tx, expiring)
    with tx.pipeline():
        for found, feedback in expiring:
            if found.checkpoint.id in decided:
                _take_effect(tx, found, feedback)
    return len(decided)


def _feedback(tx: Transaction, found: DecidableCheckpoint) -> Feedback:
    checkpoint = found.checkpoint
    return Feedback(
        action=checkpoint.rule.on_timeout,
        text="",
        actor=TIMEOUT,
        at=tx.now,
        outcome=found.default_outcome if checkpoint.outcomes else None,
    )


def _decide(tx: Transaction, expiring: Sequence[tuple[DecidableCheckpoint, Feedback]]) -> set[str]:
    """By compare-and-set, those of one feedback at once; which of them nobody else has decided."""
    alike: dict[Feedback, list[str]] = {}
    for found, feedback in expiring:
        alike.setdefault(feedback, []).append(found.checkpoint.id)
    state = next_checkpoint(CheckpointState.PENDING, CheckpointEvent.EXPIRE)
    decided: set[str] = set()
    for feedback, checkpoint_ids in alike.items():
        values = {**transitions.decided(state, feedback), "of_ids": checkpoint_ids}
        decided.update(sql.execute(tx.connection, statements.DECIDE_ALL, values).scalars())
    return decided


def _take_effect(tx: Transaction, expired: DecidableCheckpoint, feedback: Feedback) -> None:
    """What follows where the timeout has decided a checkpoint."""
    checkpoint, execution = expired.checkpoint, expired.execution
    effect = checkpoint.rule.on_timeout
    outbox.refresh_checkpoint(tx, execution, checkpoint.id)
    tx.audit(
        execution.id,
        "checkpoint.expired",
        actor=TIMEOUT,
        checkpoint=checkpoint.id,
        effect=effect.value,
    )
    action = ACTION_OF_TIMEOUT[effect]
    if action is None:
        transitions.cancel_runs(tx, execution)
        after = transitions.move(
            tx,
            execution,
            ExecutionEvent.EXPIRE,
            error=f"Nobody decided {checkpoint.name} in time.",
        )
    else:
        after = decisions.take_effect(tx, expired, action, feedback)
    outbox.outcome(
        tx,
        after,
        {"notice": "expired", "checkpoint": checkpoint.id},
        key=f"expired:{checkpoint.id}",
    )


def remind_due(tx: Transaction, *, limit: int) -> int:
    """As `expire_due`: many together, and what is locked is passed by."""
    now = {"now": tx.now}
    rows = sql.execute(tx.connection, statements.TO_REMIND, {**now, "most": limit}).rows
    if not rows:
        return 0
    ids = {"of_ids": [row.checkpoint_id for row in rows]}
    taken = set(sql.execute(tx.connection, statements.TAKE_REMINDERS, now | ids).scalars())
    due = [row for row in rows if row.checkpoint_id in taken]
    if not due:
        return 0
    following = [
        {
            "of_id": row.checkpoint_id,
            "remind_at": transitions.next_reminder(row.opened, row.deadline, after=tx.now),
        }
        for row in due
    ]
    sql.execute_many(tx.connection, statements.CHANGE_CHECKPOINT, following)
    outbox.reminders(
        tx, [(execution_beside(row), row.checkpoint_id, _passed(tx, row)) for row in due]
    )
    return len(due)


def _passed(tx: Transaction, row: AnyRow) -> str:
    """The last of the reminders whose time has come. One has: `remind_at` was set for it."""
    times = reminder_times(row.opened, row.deadline)
    return [which for which, at in times.items() if at <= tx.now][-1]


def forget_deliveries(tx: Transaction, *, older_than: timedelta) -> int:
    return inbox.forget(tx, before=tx.now - older_than)
