"""Messages to be posted and kept up to date. One row stands for one message over its life.

Use cases add rows and raise `version`; the deliverer (class Outbox) posts, and updates while
`shown_version` is behind `version`, always rendering from the present state and never from a copy.

Payloads: REMINDER {"which": "half" | "last"}; NOTICE {"notice": "cancelled" | "error"},
{"notice": "expired", "checkpoint": id} or {"text": words}. The others need none. A FILE row
stands beside every checkpoint (`file:CHECKPOINT`) and every final message (`file:EXECUTION`):
the deliverer says `unneeded` where the message shows all of the text already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine

from storage.db import sql, statements
from storage.db.database import reading, writing
from storage.db.rows import find_execution, to_outbox_row
from storage.db.transaction import Transaction
from storage.errors import Conflict, MessageLeaseLost, TooSoon
from storage.messages import OutboxKind, OutboxRow, OutboxState
from storage.outbox import due_messages, rate_limits
from storage.outbox.rate_limits import RateLimit
from storage.ports import SharedClock
from storage.records import Execution

# --- what the use cases say -------------------------------------------------------------------


def _add(
    tx: Transaction,
    execution: Execution,
    kind: OutboxKind,
    key: str,
    *,
    checkpoint_id: str | None = None,
    payload: Mapping[str, object] | None = None,
) -> None:
    """Nothing for an execution that lives without Slack."""
    if execution.channel is None:
        return
    tx.post(
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


def root(tx: Transaction, execution: Execution) -> None:
    _add(tx, execution, OutboxKind.ROOT, f"root:{execution.id}")


def refresh_root(tx: Transaction, execution: Execution) -> None:
    if execution.channel is not None:
        tx.show_anew(f"root:{execution.id}")


def checkpoint(tx: Transaction, execution: Execution, checkpoint_id: str) -> None:
    for kind in (OutboxKind.CHECKPOINT, OutboxKind.FILE):
        key = f"{kind.value}:{checkpoint_id}"
        _add(tx, execution, kind, key, checkpoint_id=checkpoint_id)


def refresh_checkpoint(tx: Transaction, execution: Execution, checkpoint_id: str) -> None:
    if execution.channel is not None:
        tx.show_anew(f"checkpoint:{checkpoint_id}")


def reminders(tx: Transaction, due: Sequence[tuple[Execution, str, str]]) -> None:
    """Of executions' checkpoints, each `half` and `last` once."""
    keyed = {
        f"reminder:{checkpoint}:{which}": (execution, checkpoint, which)
        for execution, checkpoint, which in due
    }
    there = sql.execute(tx.connection, statements.MESSAGES_THERE, {"of_keys": [*keyed]})
    for key in keyed.keys() - set(there.scalars()):
        execution, checkpoint, which = keyed[key]
        payload = {"which": which}
        _add(tx, execution, OutboxKind.REMINDER, key, checkpoint_id=checkpoint, payload=payload)


def final(tx: Transaction, execution: Execution) -> None:
    for kind in (OutboxKind.FINAL, OutboxKind.FILE):
        _add(tx, execution, kind, f"{kind.value}:{execution.id}")


def outcome(
    tx: Transaction, execution: Execution, payload: Mapping[str, object], *, key: str
) -> None:
    """Words to the thread about something that nobody there did just now."""
    _add(tx, execution, OutboxKind.NOTICE, f"notice:{execution.id}:{key}", payload=payload)


def notice(tx: Transaction, execution_id: str, *, text: str, key: str) -> None:
    """Once a key."""
    execution = find_execution(tx.connection, execution_id)
    there = {"of_key": f"notice:{execution.id}:{key}"}
    if sql.execute(tx.connection, statements.MESSAGE_EXISTS, there).first() is None:
        outcome(tx, execution, {"text": text}, key=key)


# --- what the deliverer says ------------------------------------------------------------------

_FREE: Final = {"lease_owner": None, "lease_until": None}


def release_leases(connection: Connection, owners: Sequence[str]) -> int:
    """End the leases that these owners have on messages. Returns the number of rows."""
    values = {"owners": list(owners), **_FREE}
    return sql.execute(connection, statements.RELEASE_MESSAGES, values).changed


class Outbox:
    """The deliverer's view. Each method is one transaction; a row taken is held for `owner`.

    Whatever is written of a row raises HoldLost, with nothing changed, once the hold ran out and
    somebody else took the row: so only one message's place is ever stored.
    """

    def __init__(self, engine: Engine, clock: SharedClock) -> None:
        self._engine = engine
        self._clock = clock

    def take(
        self, *, owner: str, limit: int = 20, hold: timedelta = timedelta(seconds=60)
    ) -> tuple[OutboxRow, ...]:
        """Rows to work on, oldest first: of one execution at most one new post at a time.

        While an earlier message of an execution is not posted, later ones wait; updates of
        posted messages do not. None is handed out for which it is too soon by Slack's pace.
        """
        with reading(self._engine) as connection:
            now = self._clock.at(connection)
            due = due_messages.due(connection, now=now, most=limit)
        if not due:
            return ()
        held = {"now": now, "lease_owner": owner, "lease_until": now + hold}
        taken = []
        with writing(self._engine) as connection:
            updates = any(row.state is OutboxState.POSTED for row in due)
            rest = updates and rate_limits.rests(connection, rate_limits.UPDATES, self._clock)
            for row in due:
                if rest and row.state is OutboxState.POSTED:
                    continue  # Slack asked for quiet since it was found due
                seen = {"of_seq": row.seq, "of_state": row.state}
                if sql.execute(connection, statements.HOLD_MESSAGE, held | seen).changed == 1:
                    # Read again: what is wanted may have grown, or the root got its thread.
                    taken.append(_read(connection, row.seq))
        return tuple(taken)

    def sending(self, row: OutboxRow, *, pace: RateLimit | None = None) -> OutboxRow:
        """Note that a post is about to be made, so that a crash leads to a look for it.

        It is counted in its channel's pace. Raises TooSoon, with the row put off, where all
        processes together have posted too much there.
        """
        try:
            sending = self._sending(row, pace)
        except Conflict:  # two began with a channel at the same time
            sending = self._sending(row, pace)
        if sending is None:
            raise TooSoon(row.key)
        return sending

    def _sending(self, row: OutboxRow, pace: RateLimit | None) -> OutboxRow | None:
        with writing(self._engine) as connection:
            now = self._clock.at(connection)
            wait = timedelta(0)
            if pace is not None:
                wait = rate_limits.take(connection, row.channel, pace=pace, now=now)
            if wait:
                _write(connection, row, not_before=now + wait, **_FREE)
                return None
            return _write(connection, row, state=OutboxState.SENDING, sent_at=now)

    def posted(self, row: OutboxRow, *, channel: str, ts: str, shown: int) -> OutboxRow:
        """Store where the message is. `shown` is the version it shows, 0 if it needs an update.

        The lease ends (`lease_owner` is None) if Slack takes no updates at this moment.
        """
        with writing(self._engine) as connection:
            rests = shown < row.version and rate_limits.rests(
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
                **(_FREE if rests else {}),
            )

    def shown(self, row: OutboxRow, version: int, *, not_before: timedelta = timedelta(0)) -> None:
        """An update that shows `version` was made; the next one waits for `not_before`."""
        self._let_go(row, not_before, shown_version=version, attempts=0)

    def unneeded(self, row: OutboxRow) -> None:
        """There is nothing to post for this row after all."""
        self._let_go(row, state=OutboxState.POSTED, shown_version=row.version)

    def later(self, row: OutboxRow, delay: timedelta, error: str) -> None:
        """Try again after `delay`. The row keeps its state, also `sending`."""
        self._let_go(row, delay, attempts=row.attempts + 1, error=error)

    def rest(self, row: OutboxRow, delay: timedelta, error: str, *, key: str) -> None:
        """Slack asked for quiet: try again after `delay`, and let nobody else disturb it before.

        `key` is the channel in which nothing is posted, or `rate_limits.UPDATES`.
        """
        try:
            self._let_go(row, delay, pause=key, attempts=row.attempts + 1, error=error)
        except Conflict:  # two were told to rest at the same time
            self._let_go(row, delay, pause=key, attempts=row.attempts + 1, error=error)

    def move(self, row: OutboxRow, *, channel: str, thread_ts: str | None) -> OutboxRow:
        """Show it elsewhere, such as in a direct message."""
        return self._set(row, channel=channel, moved_thread_ts=thread_ts, moved=1)

    def anew(self, row: OutboxRow) -> OutboxRow:
        """The message was deleted: it must be posted again, as a new one."""
        return self._set(
            row, state=OutboxState.QUEUED, ts=None, shown_version=0, generation=row.generation + 1
        )

    def fail(self, row: OutboxRow, error: str) -> None:
        """Give up on this message; what comes after it goes on."""
        self._let_go(row, state=OutboxState.FAILED, error=error)

    def release(self, row: OutboxRow) -> None:
        self._let_go(row)

    def release_leases(self, owners: Sequence[str]) -> int:
        """End the leases of these owners at once. Returns the number of rows."""
        with writing(self._engine) as connection:
            return release_leases(connection, owners)

    def next_due(self) -> bool:
        """Whether anything is left to do, now or later."""
        with reading(self._engine) as connection:
            return sql.execute(connection, statements.ANY_MESSAGE_TO_DO).first() is not None

    def _let_go(
        self,
        row: OutboxRow,
        delay: timedelta = timedelta(0),
        *,
        pause: str | None = None,
        **values: Any,
    ) -> None:
        free: dict[str, Any] = {**_FREE, "not_before": None}
        with writing(self._engine) as connection:
            if delay:
                until = free["not_before"] = self._clock.at(connection) + delay
                if pause is not None:
                    rate_limits.pause(connection, pause, until=until)
            _write(connection, row, **free, **values)

    def _set(self, row: OutboxRow, **values: Any) -> OutboxRow:
        with writing(self._engine) as connection:
            return _write(connection, row, **values)


def _write(connection: Connection, row: OutboxRow, **values: Any) -> OutboxRow:
    mine = {"of_seq": row.seq, "of_holder": row.lease_owner}
    if sql.execute(connection, statements.CHANGE_HELD_MESSAGE, values | mine).changed != 1:
        raise MessageLeaseLost(row.key)
    return _read(connection, row.seq)


def _read(connection: Connection, seq: int) -> OutboxRow:
    return to_outbox_row(sql.execute(connection, statements.MESSAGE, {"of_seq": seq}).rows[0])
