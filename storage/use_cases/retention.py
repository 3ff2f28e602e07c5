"""Deletion of old rows. What happened when stays in the audit log forever.

Each pass deletes the oldest first, at most `limit`, and returns how many.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, Select, bindparam, delete, exists, or_, select

from storage.db import audit, sql
from storage.db.api_tables import webhook_deliveries, webhooks
from storage.db.tables import (
    checkpoints,
    executions,
    files,
    lessons,
    outbox,
    phase_runs,
    publications,
    revise_intents,
)
from storage.db.transaction import Transaction
from storage.messages import OutboxState
from storage.outbox import rate_limits
from storage.states import ENDED

_HAS_ENDED: Final = executions.c.state.in_(sorted(ENDED))

_HAS_LESSON: Final = exists().where(
    checkpoints.c.execution_id == executions.c.id,
    lessons.c.checkpoint_id == checkpoints.c.id,
    lessons.c.deleted_at.is_(None),
)
"""An execution is kept as long as a lesson that came from it."""

_ENDED_LONG_AGO: Final[Select[Any]] = (
    select(executions.c.id)
    .where(
        _HAS_ENDED,
        executions.c.created_at < bindparam("before"),
        executions.c.ended_at < bindparam("before"),
        ~_HAS_LESSON,
    )
    .order_by(executions.c.created_at)
    .limit(bindparam("most"))
)

_SINCE: Final = (
    select(outbox.c.seq)
    .join(executions, executions.c.id == outbox.c.execution_id)
    .where(executions.c.created_at >= bindparam("before"))
    .order_by(executions.c.created_at)
    .limit(1)
)
"""A message of the first execution since then. Messages after it cannot be old enough, so the many
that are kept need not be read."""

_DELIVERED_LONG_AGO: Final[Select[Any]] = (
    select(outbox.c.seq)
    .join(executions, executions.c.id == outbox.c.execution_id)
    .where(
        _HAS_ENDED,
        executions.c.ended_at < bindparam("before"),
        or_(
            outbox.c.state == OutboxState.FAILED,
            (outbox.c.state == OutboxState.POSTED) & (outbox.c.shown_version >= outbox.c.version),
        ),
    )
    .order_by(outbox.c.seq)
    .limit(bindparam("most"))
)
_DELIVERED_UNTIL: Final = _DELIVERED_LONG_AGO.where(outbox.c.seq < bindparam("since"))

_EXPIRED_INTENTS: Final = delete(revise_intents).where(
    revise_intents.c.expires_at < bindparam("before")
)

_MESSAGES: Final = delete(outbox).where(outbox.c.seq.in_(bindparam("of_seqs", expanding=True)))

_THESE: Final[BindParameter[str]] = bindparam("of_ids", expanding=True)
_CHECKPOINTS_OF_THESE: Final = select(checkpoints.c.id).where(
    checkpoints.c.execution_id.in_(_THESE)
)
_DELETE_ALL_ROWS: Final = (
    delete(revise_intents).where(revise_intents.c.checkpoint_id.in_(_CHECKPOINTS_OF_THESE)),
    delete(lessons).where(lessons.c.checkpoint_id.in_(_CHECKPOINTS_OF_THESE)),
    delete(outbox).where(outbox.c.execution_id.in_(_THESE)),
    delete(webhook_deliveries).where(webhook_deliveries.c.execution_id.in_(_THESE)),
    delete(webhooks).where(webhooks.c.execution_id.in_(_THESE)),
    delete(checkpoints).where(checkpoints.c.execution_id.in_(_THESE)),
    delete(publications).where(publications.c.execution_id.in_(_THESE)),
    delete(files).where(files.c.execution_id.in_(_THESE)),
    delete(phase_runs).where(phase_runs.c.execution_id.in_(_THESE)),
    delete(executions).where(executions.c.id.in_(_THESE)),
)


def delete_expired_intents(tx: Transaction) -> int:
    """Delete the intents of people who clicked Revise but wrote nothing in time."""
    return sql.execute(tx.connection, _EXPIRED_INTENTS, {"before": tx.now}).changed


def delete_idle_rate_limits(tx: Transaction) -> int:
    return rate_limits.delete_idle(tx.connection, now=tx.now)


def find_delivered(connection: Connection, *, before: datetime, limit: int) -> Sequence[int]:
    """Return the `seq` of delivered messages of executions that had ended by `before`.

    This may read many rows, so it must not run in a write transaction that others wait for. The
    messages in Slack stay.
    """
    old: dict[str, object] = {"before": before, "most": limit}
    since = sql.execute(connection, _SINCE, {"before": before}).scalar()
    if since is None:
        return sql.execute(connection, _DELIVERED_LONG_AGO, old).scalars()
    return sql.execute(connection, _DELIVERED_UNTIL, old | {"since": since}).scalars()


def delete_messages(tx: Transaction, delivered: Sequence[int]) -> int:
    return sql.execute(tx.connection, _MESSAGES, {"of_seqs": list(delivered)}).changed


def delete_old_executions(tx: Transaction, *, before: datetime, limit: int) -> int:
    """Delete executions that had ended by `before`, with all their rows.

    The audit log keeps what happened when, but not who did it, and records both.
    """
    old = {"before": before, "most": limit}
    execution_ids = sql.execute(tx.connection, _ENDED_LONG_AGO, old).scalars()
    if not execution_ids:
        return 0
    for statement in _DELETE_ALL_ROWS:
        sql.execute(tx.connection, statement, {"of_ids": execution_ids})
    erased = audit.erase_people(tx.connection, execution_ids)
    for execution_id in execution_ids:
        tx.audit(execution_id, "execution.forgotten")
        tx.audit_redacted(execution_id, erased.get(execution_id, []))
    return len(execution_ids)
