"""What one use case has in hand: the connection, the time, and what must follow the commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Insert, Select, Update

from storage.db import audit, prepared, statements
from storage.ports import Dispatch, Seat, SharedClock
from storage.records import Actor, Claim


class Transaction:
    """One use case's transaction. `queued` and `outbox_changed` are acted on after the commit.

    `urgent` is set where somebody's decision is recorded: they wait for what follows, and where a
    worker of this process is free it is claimed at once. Rows that nothing else of the use case
    depends on are gathered, and written together by `flush`. `lease`: how long a claim holds.
    """

    def __init__(
        self,
        connection: Connection,
        clock: SharedClock,
        dispatch: Dispatch,
        lease: timedelta,
    ) -> None:
        self.connection = connection
        self._clock = clock
        self._now: datetime | None = None
        self.lease = lease
        self.urgent = False
        self.queued: list[str] = []
        self._dispatch = dispatch
        self._seat: Seat | None = None
        self._claim: Claim | None = None
        self._gathered: list[tuple[Insert | Update, Mapping[str, Any], Exception | None]] = []
        self._asked: list[tuple[prepared.Question, Callable[[list[Any]], None]]] = []
        self._happened: list[audit.Entry] = []
        self._messages: dict[str, dict[str, Any]] = {}
        self._outdated: set[str] = set()

    @property
    def now(self) -> datetime:
        """The one time of all that this transaction does."""
        if self._now is None:
            self._now = self._clock.at(self.connection)
        return self._now

    def first(self, statement: Select[Any], values: Mapping[str, Any]) -> Any | None:
        """As `prepared.first`. What a transaction begins with is asked together with the time."""
        clock = None if self._now is not None else self._clock.question(self.connection)
        if clock is None:
            return prepared.first(self.connection, statement, values)
        _, [[told], found] = prepared.write_and_ask(
            self.connection, (), [(clock, {}), (statement, values)]
        )
        self._now = told[0]
        return next(iter(found), None)

    @property
    def outbox_changed(self) -> bool:
        return bool(self._messages or self._outdated)

    def write(self, statement: Insert | Update, **values: Any) -> int:
        """How many rows it changed."""
        self.settle()
        return prepared.write(self.connection, statement, values)

    def write_later(
        self,
        statement: Insert | Update,
        values: Mapping[str, Any],
        *,
        or_else: Exception | None = None,
    ) -> None:
        """Gather it, for `settle` or `flush`. If it then changes nothing, `or_else` is raised."""
        self._gathered.append((statement, values, or_else))

    def read_later(
        self, statement: Select[Any], values: Mapping[str, Any], then: Callable[[list[Any]], None]
    ) -> None:
        """Give `then` the rows that are found after the next `settle` or `flush`."""
        self._asked.append(((statement, values), then))

    def settle(self) -> None:
        """Write what was gathered, in its order: before anything that it could matter to."""
        gathered, self._gathered = self._gathered, []
        asked, self._asked = self._asked, []
        if not gathered and not asked:
            return
        changed, found = prepared.write_and_ask(
            self.connection,
            [(statement, values) for statement, values, _ in gathered],
            [question for question, _ in asked],
        )
        for rows, (_, _, or_else) in zip(changed, gathered, strict=True):
            if rows == 0 and or_else is not None:
                raise or_else
        for answer, (_, then) in zip(found, asked, strict=True):
            then(answer)

    def dispatch(
        self, phase_run_id: str, *, not_before: datetime | None = None, again: bool = False
    ) -> None:
        """Hand a phase run to the workers' transport, and tell it of the commit afterwards.

        `again`: one that was handed over before.
        """
        self._dispatch.enqueue(self.connection, phase_run_id, not_before=not_before, again=again)
        self.queued.append(phase_run_id)

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
        **facts: object,
    ) -> None:
        """Add a row to the log of what happened. Ids and words of ours only, no texts."""
        self._happened.append(
            audit.entry(
                at=self.now, execution_id=execution_id, event=event, actor=actor, facts=facts
            )
        )

    def post(self, message: dict[str, Any]) -> None:
        """Add a row to the outbox, once a key."""
        self._messages.setdefault(message["key"], message)

    def show_anew(self, key: str) -> None:
        """What the message of this key shows has changed."""
        self._outdated.add(key)

    def flush(self) -> None:
        """Write what was gathered; the last thing before the commit."""
        # Root messages before those below them, as the deliverer takes them: two writers
        # that lock rows in one order do not wait for each other.
        for key in sorted(self._outdated, reverse=True):
            self.write_later(statements.WANT_NEWER, {"of_key": key})
        for message in self._messages.values():
            self.write_later(statements.ADD_MESSAGE, message)
        for entry in self._happened:
            self.write_later(statements.ADD_AUDIT, entry)
        self.settle()


def new_id() -> str:
    return str(uuid4())
