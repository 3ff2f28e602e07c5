"""Finds the messages that may go to Slack now, at a cost independent of those that must wait.

Slack's rate limits pause posts by channel, and all updates together. The channels are therefore
walked one by one, by an index, and the messages of paused channels are not read.

Updates of cards come first, those that get their buttons before all others. Posts follow, and the
progress in root messages comes last, from what is left of the limit for updates.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnClause,
    Connection,
    Select,
    bindparam,
    exists,
    func,
    literal_column,
    select,
)

from storage.db import sql
from storage.db.message_statements import MESSAGE_IS_FREE
from storage.db.tables import (
    OUTBOX_HAS_BUTTONS,
    OUTBOX_HAS_NO_BUTTONS,
    OUTBOX_IS_NO_ROOT,
    OUTBOX_IS_ROOT,
    OUTBOX_TO_POST,
    OUTBOX_TO_UPDATE,
    outbox,
)
from storage.db.tables import rate_limits as limits
from storage.messages import OutboxKind, OutboxState
from storage.outbox import rate_limits

_EARLIER = outbox.alias("earlier")

_NOT_POSTED: Final = (OutboxState.QUEUED, OutboxState.SENDING)

_MAY_BE_POSTED: Final = (
    OUTBOX_TO_POST,
    MESSAGE_IS_FREE,
    # A subquery that cannot become a join, so that each message uses the index of its execution.
    select(_EARLIER.c.seq)
    .where(
        _EARLIER.c.execution_id == outbox.c.execution_id,
        _EARLIER.c.seq < outbox.c.seq,
        _EARLIER.c.kind != literal_column(f"'{OutboxKind.FILE.value}'"),
        # Hidden in a function: otherwise an index of all unposted messages would be chosen.
        func.coalesce(_EARLIER.c.state, literal_column("''")).in_(
            [literal_column(f"'{state.value}'") for state in _NOT_POSTED]
        ),
    )
    .order_by(_EARLIER.c.seq)
    .limit(literal_column("1"))
    .correlate(outbox)
    .scalar_subquery()
    .is_(None),
)
"""The earliest unposted message of each execution: a card waits until the whole text is in the
thread, or need not or cannot be. A file waits for its message, but no message waits for a file."""

_OLDEST: Final = select(func.min(outbox.c.channel).label("channel")).where(OUTBOX_TO_POST)
_channels = _OLDEST.cte("channels", recursive=True)
_FOLLOWING: Final = _OLDEST.where(outbox.c.channel > _channels.c.channel).scalar_subquery()
_CHANNELS: Final = _channels.union_all(select(_FOLLOWING).where(_channels.c.channel.is_not(None)))
"""The channels with messages to post, each found from the one before it."""


def _is_paused(key: Any, *, since: str = "now") -> Any:
    return exists().where(limits.c.key == key, limits.c.free_at > bindparam(since))


FREE_CHANNELS: Final[Select[Any]] = select(
    _CHANNELS.c.channel,
    select(outbox.c.seq)
    .where(outbox.c.channel == _CHANNELS.c.channel, *_MAY_BE_POSTED)
    .order_by(outbox.c.seq)
    .limit(literal_column("1"))
    .scalar_subquery()
    .label("oldest"),
).where(_CHANNELS.c.channel.is_not(None), ~_is_paused(_CHANNELS.c.channel))
"""The channels that are not paused, with the oldest message that may be posted there."""

POSTS_DUE: Final = (
    select(outbox.c.seq, outbox.c.state, outbox.c.kind)
    .where(outbox.c.channel == bindparam("of_channel"), *_MAY_BE_POSTED)
    .order_by(outbox.c.seq)
    .limit(bindparam("most"))
)

_UPDATES_KEY: Final[ColumnClause[str]] = literal_column(f"'{rate_limits.UPDATES}'")

_CARDS_DUE: Final = (
    select(outbox.c.seq, outbox.c.state, outbox.c.kind)
    .where(OUTBOX_TO_UPDATE, OUTBOX_IS_NO_ROOT, MESSAGE_IS_FREE, ~_is_paused(_UPDATES_KEY))
    .order_by(outbox.c.seq)
    .limit(bindparam("most"))
)

ARMING_DUE: Final = _CARDS_DUE.where(OUTBOX_HAS_NO_BUTTONS)
UPDATES_DUE: Final = _CARDS_DUE.where(OUTBOX_HAS_BUTTONS)

ROOTS_DUE: Final = (
    select(outbox.c.seq, outbox.c.state, outbox.c.kind)
    .where(
        OUTBOX_TO_UPDATE,
        OUTBOX_IS_ROOT,
        MESSAGE_IS_FREE,
        ~_is_paused(_UPDATES_KEY, since="progress_since"),
    )
    .order_by(outbox.c.seq)
    .limit(bindparam("most"))
)


def find_due(
    connection: Connection, *, now: datetime, most: int, reserve: timedelta = timedelta(0)
) -> list[Any]:
    """Return the `seq`, `state` and `kind` of the most urgent due messages, at most `most`.

    `reserve` is the part of the limit for updates that progress leaves to the cards.
    """
    progress = {"now": now, "progress_since": now - reserve, "most": most}
    with sql.pipeline(connection):
        arming = sql.execute(connection, ARMING_DUE, {"now": now, "most": most})
        updates = sql.execute(connection, UPDATES_DUE, {"now": now, "most": most})
        free = sql.execute(connection, FREE_CHANNELS, {"now": now})
        roots = sql.execute(connection, ROOTS_DUE, progress)
    due = [*arming.rows, *updates.rows]
    if len(due) < most:
        due += _posts_due(connection, free.rows, now=now, most=most)
    return [*due, *roots.rows][:most]


def _posts_due(connection: Connection, free: list[Any], *, now: datetime, most: int) -> list[Any]:
    rows: list[Any] = []
    channels = sorted((oldest, channel) for channel, oldest in free if oldest is not None)
    for _, channel in channels[:most]:  # no other channel can have one of the oldest
        posts = {"now": now, "most": most, "of_channel": channel}
        rows += sql.execute(connection, POSTS_DUE, posts).rows
    return sorted(rows)
