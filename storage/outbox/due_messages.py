"""Looks for messages that may be brought to Slack now, however many there are that may not.

What Slack takes no more of for the moment rests by channel, or all updates together. So the
channels are gone through one by one, by an index, and what lies in those that rest is not read.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, exists, func, literal_column, select

from storage.db import sql
from storage.db.statements import MESSAGE_IS_FREE
from storage.db.tables import OUTBOX_TO_POST, OUTBOX_TO_UPDATE, outbox
from storage.db.tables import rate_limits as pace
from storage.messages import OutboxKind, OutboxState
from storage.outbox import rate_limits

_EARLIER = outbox.alias("earlier")

_UNPOSTED: Final = (OutboxState.QUEUED, OutboxState.SENDING)

_MAY_BE_POSTED: Final = (
    OUTBOX_TO_POST,
    MESSAGE_IS_FREE,
    # A subquery that cannot become a join: for each message, the index of its execution is asked.
    select(_EARLIER.c.seq)
    .where(
        _EARLIER.c.execution_id == outbox.c.execution_id,
        _EARLIER.c.seq < outbox.c.seq,
        _EARLIER.c.kind != literal_column(f"'{OutboxKind.FILE.value}'"),
        # Not by the column itself: an index of all that is to be posted would seem to serve.
        func.coalesce(_EARLIER.c.state, literal_column("''")).in_(
            [literal_column(f"'{state.value}'") for state in _UNPOSTED]
        ),
    )
    .order_by(_EARLIER.c.seq)
    .limit(literal_column("1"))
    .correlate(outbox)
    .scalar_subquery()
    .is_(None),
)
"""Of each execution its earliest message that is not posted yet; a file waits for its message, and
nothing waits for a file."""

_OLDEST: Final = select(func.min(outbox.c.channel).label("channel")).where(OUTBOX_TO_POST)
_lanes = _OLDEST.cte("lanes", recursive=True)
_FOLLOWING: Final = _OLDEST.where(outbox.c.channel > _lanes.c.channel).scalar_subquery()
_LANES: Final = _lanes.union_all(select(_FOLLOWING).where(_lanes.c.channel.is_not(None)))
"""The channels with anything to post: each is found from the one before it."""


def _rests(key: Any) -> Any:
    return exists().where(pace.c.key == key, pace.c.free_at > bindparam("now"))


FREE_CHANNELS: Final[Select[Any]] = select(
    _LANES.c.channel,
    select(outbox.c.seq)
    .where(outbox.c.channel == _LANES.c.channel, *_MAY_BE_POSTED)
    .order_by(outbox.c.seq)
    .limit(literal_column("1"))
    .scalar_subquery()
    .label("oldest"),
).where(_LANES.c.channel.is_not(None), ~_rests(_LANES.c.channel))
"""Those that take a post now, with the oldest that may be posted there."""

POSTS_DUE: Final = (
    select(outbox.c.seq, outbox.c.state)
    .where(outbox.c.channel == bindparam("of_channel"), *_MAY_BE_POSTED)
    .order_by(outbox.c.seq)
    .limit(bindparam("most"))
)

UPDATES_DUE: Final = (
    select(outbox.c.seq, outbox.c.state)
    .where(OUTBOX_TO_UPDATE, MESSAGE_IS_FREE, ~_rests(literal_column(f"'{rate_limits.UPDATES}'")))
    .order_by(outbox.c.seq)
    .limit(bindparam("most"))
)


def due(connection: Connection, *, now: datetime, most: int) -> list[Any]:
    """The oldest, by `seq` and `state`."""
    with sql.pipeline(connection):
        updates = sql.execute(connection, UPDATES_DUE, {"now": now, "most": most})
        free = sql.execute(connection, FREE_CHANNELS, {"now": now})
    rows = updates.rows
    lanes = sorted((oldest, channel) for channel, oldest in free.rows if oldest is not None)
    for _, channel in lanes[:most]:  # in another there is none of the oldest
        posts = {"now": now, "most": most, "of_channel": channel}
        rows += sql.execute(connection, POSTS_DUE, posts).rows
    return sorted(rows)[:most]
