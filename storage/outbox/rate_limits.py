"""Slack's rate limits, shared by all processes.

A row has the time from which the next call of its kind is allowed. Posts have a row for each
channel, as Slack allows about one message a second there, and a few at once. A method that Slack
limits as a whole has one row for the workspace. Without a row, a call is allowed at once.
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
"""The key of all updates of messages; no channel id contains a dot."""

PROGRESS_SHARE: Final = 0.2
"""The part of a burst of updates that progress may use; the rest stays free for cards."""

IDLE_AFTER: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`per_second` calls on average, and up to `burst` at once after a pause (GCRA)."""

    per_second: float = 1.0
    burst: int = 3

    @classmethod
    def per_minute(cls, calls: int) -> RateLimit:
        """At most `calls` in any minute: one half at once, the other half spread over it."""
        half = calls / 2
        return cls(per_second=half / 60, burst=max(1, round(half)))

    @property
    def reserve(self) -> timedelta:
        """How long before `now` the next call must have been allowed, for one that is not urgent.

        The burst is then still free but for PROGRESS_SHARE.
        """
        kept = self.burst - max(1, round(self.burst * PROGRESS_SHARE))
        return timedelta(seconds=kept / self.per_second)

    def next_free_at(self, free_at: datetime | None, now: datetime) -> datetime:
        """Return the time from which the next call is allowed, if one is made now."""
        interval = timedelta(seconds=1 / self.per_second)
        earliest = now - (self.burst - 1) * interval
        return (earliest if free_at is None else max(free_at, earliest)) + interval


_FREE_AT: Final = select(rate_limits.c.free_at).where(rate_limits.c.key == bindparam("of_key"))
_FREE_AT_LOCKED: Final = _FREE_AT.with_for_update()
_ADD: Final = insert(rate_limits)
_SET: Final = update(rate_limits).where(rate_limits.c.key == bindparam("of_key"))
_FORGET: Final = delete(rate_limits).where(rate_limits.c.free_at < bindparam("before"))


def acquire(
    connection: Connection,
    key: str,
    *,
    rate_limit: RateLimit,
    now: datetime,
    reserve: timedelta = timedelta(0),
) -> timedelta:
    """Return how long to wait; if it is zero, the call is allowed now and has been counted.

    A call that leaves a `reserve` to others waits longer.
    """
    free_at = _locked(connection, key)
    if free_at is not None and free_at > now - reserve:
        return free_at - now + reserve
    _write(connection, key, rate_limit.next_free_at(free_at, now), new=free_at is None)
    return timedelta(0)


def give_back(connection: Connection, key: str, *, rate_limit: RateLimit) -> None:
    """Count one call less: it was acquired, but not made."""
    free_at = _locked(connection, key)
    if free_at is not None:
        _write(connection, key, free_at - timedelta(seconds=1 / rate_limit.per_second), new=False)


def pause(connection: Connection, key: str, *, until: datetime) -> None:
    """Allow no call of this kind before `until`. A longer pause that is already set stays."""
    free_at = _locked(connection, key)
    if free_at is None or free_at < until:
        _write(connection, key, until, new=free_at is None)


def is_paused(connection: Connection, key: str, clock: SharedClock) -> bool:
    """Whether calls of this kind are not allowed now."""
    free_at = sql.execute(connection, _FREE_AT, {"of_key": key}).scalar()
    return free_at is not None and free_at > clock.at(connection)


def delete_idle(connection: Connection, *, now: datetime) -> int:
    """Delete the rows of channels that have been idle for IDLE_AFTER. Returns how many."""
    return sql.execute(connection, _FORGET, {"before": now - IDLE_AFTER}).changed


def _locked(connection: Connection, key: str) -> datetime | None:
    return sql.execute(connection, _FREE_AT_LOCKED, {"of_key": key}).scalar()


def _write(connection: Connection, key: str, free_at: datetime, *, new: bool) -> None:
    if new:
        sql.execute(connection, _ADD, {"key": key, "free_at": free_at})
    else:
        sql.execute(connection, _SET, {"of_key": key, "free_at": free_at})
