"""Messages to post and to keep up to date. Each row is one message over its life.

Use cases add rows and increase `version`. The deliverer (class Outbox) posts, and updates while
`shown_version` is behind `version`; it always renders the current state, never a copy.

Payloads: REMINDER {"which": "half" | "last"}; NOTICE {"notice": "cancelled" | "error"},
{"notice": "expired", "checkpoint": id} or {"text": text}. The others have none. Every checkpoint
and every final message has a FILE row as well (`file:CHECKPOINT`, `file:EXECUTION`): the deliverer
calls `unneeded` for it if the message already shows the whole text. Each file of a phase that is
shown has one more, `file:CHECKPOINT:NUMBER` with {"path": path, "run": phase run}; files that no
checkpoint has shown have one with the final message, `file:EXECUTION:NUMBER`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Engine

from storage.db import message_statements, sql, statements
from storage.db.database import reading, writing
from storage.db.rows import find_execution, to_outbox_row
from storage.db.transaction import Transaction
from storage.errors import Conflict, MessageLeaseLost, TooSoon
from storage.messages import OutboxKind, OutboxRow, OutboxState
from storage.outbox import due_messages, rate_limits
from storage.outbox.rate_limits import RateLimit
from storage.ports import SharedClock
from storage.records import Execution

FileOfRun: TypeAlias = tuple[str, str]
"""The path of a file, and the phase run that wrote it."""

# --- for the use cases ------------------------------------------------------------------------


def _add(
    tx: Transaction,
    execution: Execution,
    kind: OutboxKind,
    key: str,
    *,
    checkpoint_id: str | None = None,
    payload: Mapping[str, object] | None = None,
) -> None:
    """Add a message, unless the execution has no channel in Slack."""
    if execution.channel is None:
        return
    tx.add_message(
        {
            "key": key,
            "kind": kind.value,
            "execution_id": execution.id,
            "checkpoint_id": checkpoint_id,
            "payload": dict(payload or {}),
            "state": OutboxState.QUEUED,
            "channel": execution.channel,
            "created_at": tx.now,
        }
    )


def add_root(tx: Transaction, execution: Execution) -> None:
    _add(tx, execution, OutboxKind.ROOT, f"root:{execution.id}")


def refresh_root(tx: Transaction, execution: Execution) -> None:
    if execution.channel is not None:
        tx.refresh_message(f"root:{execution.id}")


def add_checkpoint(
    tx: Transaction, execution: Execution, checkpoint_id: str, *, files: Sequence[FileOfRun] = ()
) -> None:
    """Add a checkpoint's message, its whole text, and these files of its phase."""
    for kind in (OutboxKind.CHECKPOINT, OutboxKind.FILE):
        key = f"{kind.value}:{checkpoint_id}"
        _add(tx, execution, kind, key, checkpoint_id=checkpoint_id)
    _add_files(tx, execution, files, of=checkpoint_id, checkpoint_id=checkpoint_id)


def _add_files(
    tx: Transaction,
    execution: Execution,
    files: Sequence[FileOfRun],
    *,
    of: str,
    checkpoint_id: str | None = None,
) -> None:
    for number, (path, run_id) in enumerate(files, start=1):
        _add(
            tx,
            execution,
            OutboxKind.FILE,
            f"{OutboxKind.FILE.value}:{of}:{number}",
            checkpoint_id=checkpoint_id,
            payload={"path": path, "run": run_id},
        )


def refresh_checkpoint(tx: Transaction, execution: Execution, checkpoint_id: str) -> None:
    if execution.channel is not None:
        tx.refresh_message(f"checkpoint:{checkpoint_id}")


def add_reminders(tx: Transaction, due: Sequence[tuple[Execution, str, str]]) -> None:
    """Add reminders of (execution, checkpoint id, `half` or `last`), each once."""
    by_key = {
        f"reminder:{checkpoint}:{which}": (execution, checkpoint, which)
        for execution, checkpoint, which in due
    }
    existing = sql.execute(
        tx.connection, message_statements.EXISTING_MESSAGES, {"of_keys": [*by_key]}
    )
    for key in by_key.keys() - set(existing.scalars()):
        execution, checkpoint, which = by_key[key]
        payload = {"which": which}
        _add(tx, execution, OutboxKind.REMINDER, key, checkpoint_id=checkpoint, payload=payload)


def add_final(tx: Transaction, execution: Execution, *, files: Sequence[FileOfRun] = ()) -> None:
    for kind in (OutboxKind.FINAL, OutboxKind.FILE):
        _add(tx, execution, kind, f"{kind.value}:{execution.id}")
    _add_files(tx, execution, files, of=execution.id)


def add_event_notice(
    tx: Transaction, execution: Execution, payload: Mapping[str, object], *, key: str
) -> None:
    """Add a notice in the thread about an event that nobody in the thread caused."""
    _add(tx, execution, OutboxKind.NOTICE, f"notice:{execution.id}:{key}", payload=payload)


def add_notice(tx: Transaction, execution_id: str, *, text: str, key: str) -> None:
    """Add a text to the thread, once for each key."""
    execution = find_execution(tx.connection, execution_id)
    of_key = {"of_key": f"notice:{execution.id}:{key}"}
    if sql.execute(tx.connection, message_statements.MESSAGE_EXISTS, of_key).first() is None:
        add_event_notice(tx, execution, {"text": text}, key=key)


# --- for the deliverer ------------------------------------------------------------------------

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
        self, *, owner: str, limit: int = 20, lease: timedelta = timedelta(seconds=60)
    ) -> tuple[OutboxRow, ...]:
        """Lease the oldest due rows to `owner`, at most one new post of each execution.

        While an earlier message of an execution is not posted, later ones wait; updates of posted
        messages do not. Rows that Slack's rate limits do not allow yet are not due.
        """
        with reading(self._engine) as connection:
            now = self._clock.at(connection)
            due = due_messages.find_due(connection, now=now, most=limit)
        if not due:
            return ()
        values = {"now": now, "lease_owner": owner, "lease_until": now + lease}
        leased = []
        with writing(self._engine) as connection:
            updates = any(row.state is OutboxState.POSTED for row in due)
            paused = updates and rate_limits.is_paused(connection, rate_limits.UPDATES, self._clock)
            for row in due:
                if paused and row.state is OutboxState.POSTED:
                    continue  # Slack has limited updates since the row was found due
                expected = {"of_seq": row.seq, "of_state": row.state}
                if sql.execute(
                    connection, message_statements.LEASE_MESSAGE, values | expected
                ).changed:
                    # Read again: `version` may have grown, or the root message got its thread.
                    leased.append(_read(connection, row.seq))
        return tuple(leased)

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

    def posted(self, row: OutboxRow, *, channel: str, ts: str, shown: int) -> OutboxRow:
        """Store where the message is. `shown` is the version it shows, 0 if it needs an update.

        The lease ends (`lease_owner` is None) if updates are paused by Slack's rate limit.
        """
        with writing(self._engine) as connection:
            paused = shown < row.version and rate_limits.is_paused(
                connection, rate_limits.UPDATES, self._clock
            )
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

    def mark_unneeded(self, row: OutboxRow) -> None:
        """Store that nothing has to be posted for this row."""
        self._release_with(row, state=OutboxState.POSTED, shown_version=row.version)

    def postpone(self, row: OutboxRow, delay: timedelta, error: str) -> None:
        """Postpone the row by `delay`. It keeps its state, including `sending`."""
        self._release_with(row, delay, attempts=row.attempts + 1, error=error)

    def pause(self, row: OutboxRow, delay: timedelta, error: str, *, key: str) -> None:
        """Postpone the row by `delay`, and pause `key` for as long: Slack's rate limit is reached.

        `key` is the channel to which nothing is posted, or `rate_limits.UPDATES`.
        """
        try:
            self._release_with(row, delay, pause=key, attempts=row.attempts + 1, error=error)
        except Conflict:  # two processes paused the same key at the same time
            self._release_with(row, delay, pause=key, attempts=row.attempts + 1, error=error)

    def move(self, row: OutboxRow, *, channel: str, thread_ts: str | None) -> OutboxRow:
        """Move the message to another channel, such as a direct message."""
        return self._update(row, channel=channel, moved_thread_ts=thread_ts, moved=1)

    def repost(self, row: OutboxRow) -> OutboxRow:
        """Queue a deleted message to be posted again, as a new one."""
        return self._update(
            row, state=OutboxState.QUEUED, ts=None, shown_version=0, generation=row.generation + 1
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
