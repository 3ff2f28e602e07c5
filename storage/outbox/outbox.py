"""Messages to post and to keep up to date. Each row is one message over its life.

Use cases add rows and increase `version`. The deliverer (class Outbox) posts, and updates while
`shown_version` is behind `version`; it always renders the current state, never a copy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine

from storage.db import message_statements, sql, statements
from storage.db.database import reading, writing
from storage.db.rows import to_outbox_row
from storage.errors import Conflict, MessageLeaseLost, TooSoon
from storage.messages import OutboxKind, OutboxRow, OutboxState
from storage.outbox import due_messages, rate_limits
from storage.outbox.rate_limits import RateLimit
from storage.ports import SharedClock

LEASE: Final = timedelta(seconds=60)
_NO_LEASE: Final = {"lease_owner": None, "lease_until": None}


def release_leases(connection: Connection, owners: Sequence[str]) -> int:
    """Release the leases of these owners on messages. Returns the number of rows."""
    values = {"owners": list(owners), **_NO_LEASE}
    return sql.execute(connection, message_statements.RELEASE_MESSAGES, values).changed


class Outbox:
    """The deliverer's view. Each method is one transaction.

    `take` leases rows to an owner. Every write to a row raises MessageLeaseLost, with nothing
    changed, if another owner has leased it since, so only one timestamp is ever stored.
    """

    def __init__(self, engine: Engine, clock: SharedClock) -> None:
        self._engine = engine
        self._clock = clock

    def take(
        self,
        *,
        owner: str,
        limit: int = 20,
        lease: timedelta = LEASE,
        updates: RateLimit | None = None,
    ) -> tuple[OutboxRow, ...]:
        """Lease the most urgent due rows to `owner`, at most one new post of each execution.

        While an earlier message of an execution is not posted, later ones wait; updates of posted
        messages do not. Rows that Slack's rate limits do not allow yet are not due. An update
        counts in the limit `updates` of the workspace.
        """
        reserve = timedelta(0) if updates is None else updates.reserve
        with reading(self._engine) as connection:
            now = self._clock.at(connection)
            due = due_messages.find_due(connection, now=now, most=limit, reserve=reserve)
        if not due:
            return ()
        values = {"now": now, "lease_owner": owner, "lease_until": now + lease}
        try:
            return self._lease(due, values, updates)
        except Conflict:  # two processes made the first update at the same time
            return self._lease(due, values, updates)

    def _lease(
        self, due: Sequence[Any], values: Mapping[str, Any], updates: RateLimit | None
    ) -> tuple[OutboxRow, ...]:
        leased = []
        with writing(self._engine) as connection:
            for row in due:
                if row.state is OutboxState.POSTED and not self._may_update(
                    connection, row.kind, updates
                ):
                    continue  # the limit has been reached since the row was found due
                leased += _lease(connection, row, values)
        return tuple(leased)

    def take_clicked(self, keys: Sequence[str], *, owner: str) -> OutboxRow | None:
        """Lease one of these messages if it has to be updated, whatever the limit of updates."""
        with reading(self._engine) as connection:
            now = self._clock.at(connection)
            named = {"of_keys": list(keys), "now": now}
            due = sql.execute(connection, message_statements.NAMED_MESSAGES_TO_UPDATE, named).rows
        if not due:
            return None
        values = {"now": now, "lease_owner": owner, "lease_until": now + LEASE}
        with writing(self._engine) as connection:
            leased = _lease(connection, due[0], values)
        return leased[0] if leased else None

    def _may_update(self, connection: Connection, kind: str, updates: RateLimit | None) -> bool:
        if updates is None:
            return not rate_limits.is_paused(connection, rate_limits.UPDATES, self._clock)
        wait = rate_limits.acquire(
            connection,
            rate_limits.UPDATES,
            rate_limit=updates,
            now=self._clock.at(connection),
            reserve=updates.reserve if kind == OutboxKind.ROOT else timedelta(0),
        )
        return not wait

    def sending(self, row: OutboxRow, *, rate_limit: RateLimit | None = None) -> OutboxRow:
        """Record that a post is about to be made, so that after a crash it is searched for.

        The post counts in the rate limit of its channel. Raises TooSoon, with the row postponed, if
        all processes together have reached that limit.
        """
        try:
            sending = self._sending(row, rate_limit)
        except Conflict:  # two processes made the first post in a channel at the same time
            sending = self._sending(row, rate_limit)
        if sending is None:
            raise TooSoon(row.key)
        return sending

    def _sending(self, row: OutboxRow, rate_limit: RateLimit | None) -> OutboxRow | None:
        with writing(self._engine) as connection:
            now = self._clock.at(connection)
            wait = timedelta(0)
            if rate_limit is not None:
                wait = rate_limits.acquire(connection, row.channel, rate_limit=rate_limit, now=now)
            if wait:
                _write(connection, row, not_before=now + wait, **_NO_LEASE)
                return None
            return _write(connection, row, state=OutboxState.SENDING, sent_at=now)

    def posted(
        self,
        row: OutboxRow,
        *,
        channel: str,
        ts: str,
        shown: int,
        updates: RateLimit | None = None,
    ) -> OutboxRow:
        """Store where the message is. `shown` is the version it shows, 0 if it needs an update.

        That update counts in the limit `updates`. The lease ends (`lease_owner` is None) if it is
        not allowed yet.
        """
        try:
            return self._posted(row, updates, channel=channel, ts=ts, shown=shown)
        except Conflict:  # two processes made the first update at the same time
            return self._posted(row, updates, channel=channel, ts=ts, shown=shown)

    def _posted(
        self, row: OutboxRow, updates: RateLimit | None, *, channel: str, ts: str, shown: int
    ) -> OutboxRow:
        with writing(self._engine) as connection:
            paused = shown < row.version and not self._may_update(connection, row.kind, updates)
            if row.kind is OutboxKind.ROOT:
                thread = {"of_id": row.execution_id, "channel": channel, "thread_ts": ts}
                sql.execute(connection, statements.CHANGE_EXECUTION, thread)
            if row.kind is OutboxKind.CHECKPOINT:
                place = {
                    "of_id": row.checkpoint_id,
                    "message_channel": channel,
                    "message_ts": ts,
                }
                sql.execute(connection, statements.CHANGE_CHECKPOINT, place)
            return _write(
                connection,
                row,
                state=OutboxState.POSTED,
                channel=channel,
                ts=ts,
                shown_version=shown,
                **(_NO_LEASE if paused else {}),
            )

    def shown(self, row: OutboxRow, version: int, *, not_before: timedelta = timedelta(0)) -> None:
        """Store that the message shows `version`; the next update waits for `not_before`."""
        self._release_with(row, not_before, shown_version=version, attempts=0)

    def mark_unneeded(self, row: OutboxRow, *, also: Sequence[str] = ()) -> None:
        """Store that nothing has to be posted for this row, nor for those with the keys `also`."""
        released = {**_NO_LEASE, "not_before": None}
        with writing(self._engine) as connection:
            _write(connection, row, state=OutboxState.POSTED, shown_version=row.version, **released)
            if also:
                of_keys = {"of_keys": list(also)}
                sql.execute(connection, message_statements.MARK_UNNEEDED, of_keys)

    def show_differently(
        self, row: OutboxRow, payload: Mapping[str, object], *, needs: str | None = None
    ) -> None:
        """Store another way to show the message, in its payload. One whose post was refused is
        queued again.

        `needs`: the key of a message that must then be posted although it was not needed before,
        with the payload {"needed": true}.
        """
        unposted = row.state is not OutboxState.POSTED
        state = {"state": OutboxState.QUEUED} if unposted else {}
        with writing(self._engine) as connection:
            _write(connection, row, payload=dict(payload), not_before=None, **state, **_NO_LEASE)
            if needs is not None:
                needed = {"of_key": needs, "payload": {"needed": True}}
                sql.execute(connection, message_statements.QUEUE_UNNEEDED, needed)

    def next_page(self, row: OutboxRow, payload: Mapping[str, object]) -> None:
        """Queue the row again, after a post, for its next page, which `payload` says."""
        self._release_with(
            row,
            state=OutboxState.QUEUED,
            generation=row.generation + 1,
            payload=dict(payload),
            attempts=0,
        )

    def store_permalink(self, row: OutboxRow, permalink: str) -> None:
        """Store the address of a posted message; that of a card also appears in the root."""
        values = {"of_key": row.key, "of_ts": row.ts, "permalink": permalink}
        root = {"of_key": f"{OutboxKind.ROOT.value}:{row.execution_id}"}
        with writing(self._engine) as connection:
            stored = sql.execute(connection, message_statements.STORE_PERMALINK, values).changed
            if stored and row.kind is OutboxKind.CHECKPOINT:
                sql.execute(connection, message_statements.BUMP_MESSAGE_VERSION, root)

    def postpone(self, row: OutboxRow, delay: timedelta, error: str) -> None:
        """Postpone the row by `delay`. It keeps its state, including `sending`."""
        self._release_with(row, delay, attempts=row.attempts + 1, error=error)

    def leave_for_later(self, row: OutboxRow, delay: timedelta, *, updates: RateLimit) -> None:
        """Release a row that was taken to be updated, without an update; it stays due."""
        with writing(self._engine) as connection:
            rate_limits.give_back(connection, rate_limits.UPDATES, rate_limit=updates)
            later = self._clock.at(connection) + delay
            _write(connection, row, not_before=later, **_NO_LEASE)

    def pause(self, row: OutboxRow, delay: timedelta, error: str, *, key: str) -> None:
        """Postpone the row by `delay`, and pause `key` for as long: Slack's rate limit is reached.

        `key` is the channel to which nothing is posted, or `rate_limits.UPDATES`.
        """
        try:
            self._release_with(row, delay, pause=key, attempts=row.attempts + 1, error=error)
        except Conflict:  # two processes paused the same key at the same time
            self._release_with(row, delay, pause=key, attempts=row.attempts + 1, error=error)

    def move(
        self,
        row: OutboxRow,
        *,
        channel: str,
        thread_ts: str | None,
        payload: Mapping[str, object] | None = None,
        together_with: Sequence[str] = (),
    ) -> OutboxRow:
        """Move the message to another channel, such as a direct message.

        Messages `together_with` it are posted there first, whatever became of them so far.
        """
        place = {"channel": channel, "moved_thread_ts": thread_ts, "moved": 1}
        changed = {} if payload is None else {"payload": dict(payload)}
        with writing(self._engine) as connection:
            if together_with:
                again: dict[str, Any] = {"of_keys": list(together_with), "payload": {}}
                sql.execute(connection, message_statements.QUEUE_AGAIN, again | place)
            return _write(connection, row, permalink=None, **changed, **place)

    def repost(self, row: OutboxRow) -> OutboxRow:
        """Queue a deleted message to be posted again, as a new one."""
        return self._update(
            row,
            state=OutboxState.QUEUED,
            ts=None,
            permalink=None,
            shown_version=0,
            generation=row.generation + 1,
        )

    def fail(self, row: OutboxRow, error: str) -> None:
        """Give up on this message; later ones of the execution no longer wait for it."""
        self._release_with(row, state=OutboxState.FAILED, error=error)

    def release(self, row: OutboxRow) -> None:
        self._release_with(row)

    def release_leases(self, owners: Sequence[str]) -> int:
        """Release the leases of these owners. Returns the number of rows."""
        with writing(self._engine) as connection:
            return release_leases(connection, owners)

    def has_pending(self) -> bool:
        """Whether any message is left to post or update, now or later."""
        with reading(self._engine) as connection:
            return sql.execute(connection, message_statements.ANY_MESSAGE_TO_DO).first() is not None

    def _release_with(
        self,
        row: OutboxRow,
        delay: timedelta = timedelta(0),
        *,
        pause: str | None = None,
        **values: Any,
    ) -> None:
        released: dict[str, Any] = {**_NO_LEASE, "not_before": None}
        with writing(self._engine) as connection:
            if delay:
                until = released["not_before"] = self._clock.at(connection) + delay
                if pause is not None:
                    rate_limits.pause(connection, pause, until=until)
            _write(connection, row, **released, **values)

    def _update(self, row: OutboxRow, **values: Any) -> OutboxRow:
        with writing(self._engine) as connection:
            return _write(connection, row, **values)


def _lease(connection: Connection, row: Any, values: Mapping[str, Any]) -> list[OutboxRow]:
    """The leased row, unless another deliverer has leased it since."""
    expected = {"of_seq": row.seq, "of_state": row.state}
    if not sql.execute(
        connection, message_statements.LEASE_MESSAGE, {**values, **expected}
    ).changed:
        return []
    # Read again: `version` may have grown, or the root message got its thread.
    return [_read(connection, row.seq)]


def _write(connection: Connection, row: OutboxRow, **values: Any) -> OutboxRow:
    leased = {"of_seq": row.seq, "of_owner": row.lease_owner}
    if (
        sql.execute(connection, message_statements.CHANGE_LEASED_MESSAGE, values | leased).changed
        != 1
    ):
        raise MessageLeaseLost(row.key)
    return _read(connection, row.seq)


def _read(connection: Connection, seq: int) -> OutboxRow:
    return to_outbox_row(
        sql.execute(connection, message_statements.MESSAGE, {"of_seq": seq}).rows[0]
    )
