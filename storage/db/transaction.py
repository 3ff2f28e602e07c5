"""What one use case has in hand: the connection, the time, and what must follow the commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import Connection

from storage.db import audit, sql, statements
from storage.ports import Dispatch, Seat, SharedClock
from storage.records import Actor, Claim


@dataclass(frozen=True, slots=True)
class _Job:
    """A phase run to hand to the workers' transport."""

    phase_run_id: str
    not_before: datetime | None
    again: bool

    @property
    def is_plain(self) -> bool:
        return not self.again and self.not_before is None


class Transaction:
    """One use case's transaction. `queued` and `outbox_changed` are acted on after the commit.

    Use cases write by `sql.execute` with this `connection`. Jobs, messages and the log, which no
    use case reads again, are kept and written together by `flush`.

    `now` is the one time of all that the transaction does. `urgent` is set where somebody's
    decision is recorded: they wait for what follows, and where a worker of this process is free it
    is claimed at once. `lease`: how long a claim holds.
    """

    def __init__(
        self,
        connection: Connection,
        clock: SharedClock,
        dispatch: Dispatch,
        lease: timedelta,
    ) -> None:
        self.connection: Final = connection
        self.now: Final = clock.at(connection)
        self.lease: Final = lease
        self.urgent = False
        self.messages_released = 0
        self._dispatch = dispatch
        self._seat: Seat | None = None
        self._claim: Claim | None = None
        self._required: list[tuple[sql.Result, Exception]] | None = None
        self._jobs: list[_Job] = []
        self._log: list[audit.Entry] = []
        self._messages: dict[str, dict[str, Any]] = {}
        self._outdated: set[str] = set()

    @property
    def outbox_changed(self) -> bool:
        return bool(self._messages or self._outdated or self.messages_released)

    @property
    def queued(self) -> list[str]:
        return [job.phase_run_id for job in self._jobs]

    def require(self, result: sql.Result, refusal: Exception) -> None:
        """Raise if the statement changed nothing: at once, or at the end of a `pipeline`."""
        if self._required is not None:
            self._required.append((result, refusal))
        elif result.changed == 0:
            raise refusal

    @contextmanager
    def pipeline(self) -> Iterator[None]:
        """Send what is executed within together, and then check what was required."""
        required = self._required = []
        try:
            with sql.pipeline(self.connection):
                yield
        finally:
            self._required = None
        for result, refusal in required:
            self.require(result, refusal)

    def dispatch(
        self, phase_run_id: str, *, not_before: datetime | None = None, again: bool = False
    ) -> None:
        """Hand a phase run to the workers' transport, and tell it of the commit afterwards.

        `again`: one that was handed over before.
        """
        self._jobs.append(_Job(phase_run_id, not_before, again))

    def seat(self) -> Seat | None:
        """A free slot for what this transaction is about to queue. One of them at most."""
        if not self.urgent or self._seat is not None:
            return None
        self._seat = self._dispatch.seat()
        return self._seat

    def seated(self, claim: Claim) -> None:
        """This was claimed for that slot, which runs it after the commit."""
        self._claim = claim

    def take_seat(self) -> None:
        """After the commit."""
        if self._seat is not None and self._claim is not None:
            self._seat.take(self._claim)
            self._seat = None
        self.leave_seat()

    def leave_seat(self) -> None:
        """Keep no slot, if one is still kept: the transaction is over."""
        if self._seat is not None:
            self._seat.leave()
            self._seat = None

    def audit(
        self,
        execution_id: str,
        event: str,
        *,
        actor: Actor | None = None,
        **details: object,
    ) -> None:
        """Add a row to the log of what happened. Ids and words of ours only, no texts."""
        self._log.append(
            audit.entry(
                at=self.now, execution_id=execution_id, event=event, actor=actor, details=details
            )
        )

    def post(self, message: dict[str, Any]) -> None:
        """Add a row to the outbox, once a key."""
        self._messages.setdefault(message["key"], message)

    def show_anew(self, key: str) -> None:
        """What the message of this key shows has changed."""
        self._outdated.add(key)

    def flush(self) -> None:
        """Write the jobs, the messages and the log; the last thing before the commit."""
        self._enqueue()
        if not self.outbox_changed and not self._log:
            return
        with sql.pipeline(self.connection):
            self._refresh_messages()
            if self._messages:
                sql.execute_many(
                    self.connection, statements.ADD_MESSAGE, [*self._messages.values()]
                )
            if self._log:
                sql.execute_many(self.connection, statements.ADD_AUDIT, self._log)

    def _enqueue(self) -> None:
        plain = [job.phase_run_id for job in self._jobs if job.is_plain]
        if len(plain) > 1:
            self._dispatch.enqueue_all(self.connection, plain)
        for job in self._jobs:
            if not job.is_plain or len(plain) == 1:
                self._dispatch.enqueue(
                    self.connection,
                    job.phase_run_id,
                    not_before=job.not_before,
                    again=job.again,
                )

    def _refresh_messages(self) -> None:
        """Root messages before those below them, as the deliverer takes them: two writers that
        lock rows in one order do not wait for each other."""
        keys = sorted(self._outdated, reverse=True)
        if len(keys) > _OF_ONE_EXECUTION and self.connection.dialect.name == "postgresql":
            sql.execute(self.connection, statements.LOCK_MESSAGES, {"of_keys": keys})
        if keys:
            sql.execute_many(
                self.connection, statements.WANT_NEWER, [{"of_key": key} for key in keys]
            )


_OF_ONE_EXECUTION: Final = 2
"""Its root message and its checkpoint's. Those of several are in no order by their keys."""


def new_id() -> str:
    return str(uuid4())
