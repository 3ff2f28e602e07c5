"""How fast Slack may be asked for what, kept for all processes together.

A row says from when on the next call of its kind may be made: posts have a row for each channel,
where Slack takes about one message a second and a few at once; what Slack limits by method has one
for the whole workspace. A kind without a row may go on at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from storage.db import sql
from storage.db.tables import rate_limits
from storage.ports import SharedClock

UPDATES: Final = "chat.update"
"""The row of all changes to messages; no channel's id has a dot."""

FORGOTTEN_AFTER: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So many a second; after a pause up to `burst` at once."""

    per_second: float = 1.0
    burst: int = 3

    def following(self, free_at: datetime | None, now: datetime) -> datetime:
        """From when on the next one may go, where one goes now."""
        every = timedelta(seconds=1 / self.per_second)
        rested = now - (self.burst - 1) * every
        return (rested if free_at is None else max(free_at, rested)) + every


_FREE_AT: Final = select(rate_limits.c.free_at).where(rate_limits.c.key == bindparam("of_key"))
_FREE_AT_LOCKED: Final = _FREE_AT.with_for_update()
_ADD: Final = insert(rate_limits)
_SET: Final = update(rate_limits).where(rate_limits.c.key == bindparam("of_key"))
_FORGET: Final = delete(rate_limits).where(rate_limits.c.free_at < bindparam("before"))


def take(connection: Connection, key: str, *, pace: RateLimit, now: datetime) -> timedelta:
    """How long to wait; nothing means that one goes now, and is counted."""
    free_at = _locked(connection, key)
    if free_at is not None and free_at > now:
        return free_at - now
    _write(connection, key, pace.following(free_at, now), new=free_at is None)
    return timedelta(0)


def pause(connection: Connection, key: str, *, until: datetime) -> None:
    """None of these before then; who asked for a longer pause is not overruled."""
    free_at = _locked(connection, key)
    if free_at is None or free_at < until:
        _write(connection, key, until, new=free_at is None)


def rests(connection: Connection, key: str, clock: SharedClock) -> bool:
    """Whether none of these may be made now."""
    free_at = sql.execute(connection, _FREE_AT, {"of_key": key}).scalar()
    return free_at is not None and free_at > clock.at(connection)


def forget(connection: Connection, *, now: datetime) -> int:
    """Drop the rows of channels that were quiet for long; how many."""
    return sql.execute(connection, _FORGET, {"before": now - FORGOTTEN_AFTER}).changed


def _locked(connection: Connection, key: str) -> datetime | None:
    return sql.execute(connection, _FREE_AT_LOCKED, {"of_key": key}).scalar()


def _write(connection: Connection, key: str, free_at: datetime, *, new: bool) -> None:
    if new:
        sql.execute(connection, _ADD, {"key": key, "free_at": free_at})
    else:
        sql.execute(connection, _SET, {"of_key": key, "free_at": free_at})
