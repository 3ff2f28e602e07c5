"""Finds the messages that may go to Slack now, at a cost independent of those that must wait.

Slack's rate limits pause posts by channel, and all updates together. The channels are therefore
walked one by one, by an index, and the messages of paused channels are not read.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, exists, func, literal_column, select

from storage.db import sql
from storage.db.message_statements import MESSAGE_IS_FREE
from storage.db.tables import OUTBOX_TO_POST, OUTBOX_TO_UPDATE, outbox
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
"""The earliest unposted message of each execution. A file waits for its message, but no message
waits for a file."""

_OLDEST: Final = select(func.min(outbox.c.channel).label("channel")).where(OUTBOX_TO_POST)
_channels = _OLDEST.cte("channels", recursive=True)
_FOLLOWING: Final = _OLDEST.where(outbox.c.channel > _channels.c.channel).scalar_subquery()
_CHANNELS: Final = _channels.union_all(select(_FOLLOWING).where(_channels.c.channel.is_not(None)))
"""The channels with messages to post, each found from the one before it."""


def _is_paused(key: Any) -> Any:
    return exists().where(limits.c.key == key, limits.c.free_at > bindparam("now"))


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
    select(outbox.c.seq, outbox.c.state)
    .where(outbox.c.channel == bindparam("of_channel"), *_MAY_BE_POSTED)
    .order_by(outbox.c.seq)
    .limit(bindparam("most"))
)

UPDATES_DUE: Final = (
    select(outbox.c.seq, outbox.c.state)
    .where(
        OUTBOX_TO_UPDATE, MESSAGE_IS_FREE, ~_is_paused(literal_column(f"'{rate_limits.UPDATES}'"))
    )
    .order_by(outbox.c.seq)
    .limit(bindparam("most"))
)


def find_due(connection: Connection, *, now: datetime, most: int) -> list[Any]:
    """Return the `seq` and `state` of the oldest due messages, at most `most`."""
    with sql.pipeline(connection):
        updates = sql.execute(connection, UPDATES_DUE, {"now": now, "most": most})
        free = sql.execute(connection, FREE_CHANNELS, {"now": now})
    rows = updates.rows
    channels = sorted((oldest, channel) for channel, oldest in free.rows if oldest is not None)
    for _, channel in channels[:most]:  # no other channel can have one of the oldest
        posts = {"now": now, "most": most, "of_channel": channel}
        rows += sql.execute(connection, POSTS_DUE, posts).rows
    return sorted(rows)[:most]
