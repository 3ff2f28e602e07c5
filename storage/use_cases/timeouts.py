"""Use cases of the ticks: deadlines, reminders, and old deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from storage.db import sql, statements
from storage.db.rows import AnyRow, DecidableCheckpoint, find_overdue, to_joined_execution
from storage.db.transaction import Transaction
from storage.outbox import new_messages as outbox
from storage.policy import ACTION_OF_TIMEOUT, LAST_REMINDER, reminder_times
from storage.records import TIMEOUT, Feedback
from storage.states import CheckpointEvent, CheckpointState, ExecutionEvent, next_checkpoint
from storage.use_cases import amp_reports, decisions, durations, inbox, transitions


def expire_due(tx: Transaction, *, limit: int) -> int:
    """Decide the overdue checkpoints of many executions together. Returns how many.

    Executions that somebody else has locked are skipped: a person may be deciding.
    """
    expiring = [
        (overdue, _feedback(tx, overdue)) for overdue in find_overdue(tx.connection, tx.now, limit)
    ]
    decided = _decide(tx, expiring)
    with tx.pipeline():
        for overdue, feedback in expiring:
            if overdue.checkpoint.id in decided:
                _take_effect(tx, overdue, feedback)
    return len(decided)


def _feedback(tx: Transaction, overdue: DecidableCheckpoint) -> Feedback:
    checkpoint = overdue.checkpoint
    return Feedback(
        action=checkpoint.rule.on_timeout,
        text="",
        actor=TIMEOUT,
        at=tx.now,
        outcome=overdue.default_outcome if checkpoint.outcomes else None,
    )


def _decide(tx: Transaction, expiring: Sequence[tuple[DecidableCheckpoint, Feedback]]) -> set[str]:
    """Decide by compare-and-set, one statement for each feedback.

    Returns the ids of the checkpoints that nobody else had decided.
    """
    by_feedback: dict[Feedback, list[str]] = {}
    for overdue, feedback in expiring:
        by_feedback.setdefault(feedback, []).append(overdue.checkpoint.id)
    state = next_checkpoint(CheckpointState.PENDING, CheckpointEvent.EXPIRE)
    decided: set[str] = set()
    for feedback, checkpoint_ids in by_feedback.items():
        values = {**transitions.decision_columns(state, feedback), "of_ids": checkpoint_ids}
        decided.update(sql.execute(tx.connection, statements.DECIDE_ALL, values).scalars())
    return decided


def _take_effect(tx: Transaction, expired: DecidableCheckpoint, feedback: Feedback) -> None:
    """Carry out the timeout of a checkpoint."""
    checkpoint, execution = expired.checkpoint, expired.execution
    effect = checkpoint.rule.on_timeout
    outbox.refresh_checkpoint(tx, execution, checkpoint.id)
    durations.measure_decision(tx, checkpoint, feedback)
    tx.audit(
        execution.id,
        "checkpoint.expired",
        actor=TIMEOUT,
        checkpoint=checkpoint.id,
        name=checkpoint.name,
        phase=checkpoint.phase or None,
        revision=checkpoint.revision,
        effect=effect.value,
    )
    action = ACTION_OF_TIMEOUT[effect]
    if action is None:
        transitions.cancel_runs(tx, execution)
        after = transitions.apply(
            tx,
            execution,
            ExecutionEvent.EXPIRE,
            error=f"Nobody decided {checkpoint.name} in time.",
        )
        tx.audit(execution.id, "execution.failed")
    else:
        after = decisions.take_effect(tx, expired, action, feedback)
    outbox.add_event_notice(
        tx,
        after,
        {"notice": "expired", "checkpoint": checkpoint.id},
        key=f"expired:{checkpoint.id}",
    )


def remind_due(tx: Transaction, *, limit: int) -> int:
    """Queue due reminders, many together like `expire_due`. Returns how many."""
    now = {"now": tx.now}
    rows = sql.execute(tx.connection, statements.REMINDERS_DUE, {**now, "most": limit}).rows
    if not rows:
        return 0
    ids = {"of_ids": [row.checkpoint_id for row in rows]}
    claimed = set(sql.execute(tx.connection, statements.TAKE_REMINDERS, now | ids).scalars())
    due = [row for row in rows if row.checkpoint_id in claimed]
    if not due:
        return 0
    next_reminders = [
        {
            "of_id": row.checkpoint_id,
            "remind_at": transitions.next_reminder(row.opened, row.deadline, after=tx.now),
        }
        for row in due
    ]
    sql.execute_many(tx.connection, statements.CHANGE_CHECKPOINT, next_reminders)
    reminders = [
        (to_joined_execution(row), row.checkpoint_id, _latest_reminder_due(tx, row)) for row in due
    ]
    outbox.add_reminders(tx, reminders)
    for execution, checkpoint_id, which in reminders:
        if which == LAST_REMINDER:
            amp_reports.queue_request(tx, execution, checkpoint_id, escalates=True)
    return len(due)


def _latest_reminder_due(tx: Transaction, row: AnyRow) -> str:
    """Return the latest reminder whose time has come. There is one: `remind_at` was set for it."""
    times = reminder_times(row.opened, row.deadline)
    return [which for which, at in times.items() if at <= tx.now][-1]


def delete_old_deliveries(tx: Transaction, *, older_than: timedelta) -> int:
    return inbox.delete_before(tx, before=tx.now - older_than)
