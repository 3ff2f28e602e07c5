"""What is kept only for a while. The log of what happened is kept for ever.

Passes take the oldest first, `limit` at the most, and say how many went.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, Select, bindparam, delete, exists, or_, select

from storage.db import sql
from storage.db.tables import (
    checkpoints,
    executions,
    lessons,
    outbox,
    phase_runs,
    revise_intents,
)
from storage.db.transaction import Transaction
from storage.messages import OutboxState
from storage.outbox import rate_limits
from storage.states import ENDED

_HAS_ENDED: Final = executions.c.state.in_(sorted(ENDED))

_TEACHES: Final = exists().where(
    checkpoints.c.execution_id == executions.c.id,
    lessons.c.checkpoint_id == checkpoints.c.id,
    lessons.c.deleted_at.is_(None),
)
"""A lesson that holds is kept with all that it came from."""

_ENDED_LONG_AGO: Final[Select[Any]] = (
    select(executions.c.id)
    .where(
        _HAS_ENDED,
        executions.c.created_at < bindparam("before"),
        executions.c.ended_at < bindparam("before"),
        ~_TEACHES,
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
"""A message of the first execution since then. None that was added after it can be old enough,
so those that are kept, which are many, are not looked at."""

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
_THEIR_CHECKPOINTS: Final = select(checkpoints.c.id).where(checkpoints.c.execution_id.in_(_THESE))
_WITH_ALL_ROWS: Final = (
    delete(revise_intents).where(revise_intents.c.checkpoint_id.in_(_THEIR_CHECKPOINTS)),
    delete(lessons).where(lessons.c.checkpoint_id.in_(_THEIR_CHECKPOINTS)),
    delete(outbox).where(outbox.c.execution_id.in_(_THESE)),
    delete(checkpoints).where(checkpoints.c.execution_id.in_(_THESE)),
    delete(phase_runs).where(phase_runs.c.execution_id.in_(_THESE)),
    delete(executions).where(executions.c.id.in_(_THESE)),
)


def intents(tx: Transaction) -> int:
    """Of people who clicked Revise, and then wrote nothing in time."""
    return sql.execute(tx.connection, _EXPIRED_INTENTS, {"before": tx.now}).changed


def quiet_channels(tx: Transaction) -> int:
    return rate_limits.forget(tx.connection, now=tx.now)


def delivered(connection: Connection, *, before: datetime, limit: int) -> Sequence[int]:
    """What was to be shown of executions that had ended by then, and is. Slack keeps it.

    It looks through what is left of executions that began before then: not a thing to do while
    others wait to write.
    """
    old: dict[str, object] = {"before": before, "most": limit}
    since = sql.execute(connection, _SINCE, {"before": before}).scalar()
    if since is None:
        return sql.execute(connection, _DELIVERED_LONG_AGO, old).scalars()
    return sql.execute(connection, _DELIVERED_UNTIL, old | {"since": since}).scalars()


def messages(tx: Transaction, done: Sequence[int]) -> int:
    return sql.execute(tx.connection, _MESSAGES, {"of_seqs": list(done)}).changed


def old_executions(tx: Transaction, *, before: datetime, limit: int) -> int:
    """Executions that had ended by then, with all their rows; the log notes that they went."""
    old = {"before": before, "most": limit}
    gone = sql.execute(tx.connection, _ENDED_LONG_AGO, old).scalars()
    if not gone:
        return 0
    for statement in _WITH_ALL_ROWS:
        sql.execute(tx.connection, statement, {"of_ids": gone})
    for execution_id in gone:
        tx.audit(execution_id, "execution.forgotten")
    return len(gone)
