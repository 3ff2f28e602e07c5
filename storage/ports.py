"""Protocols that the wiring fills."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from storage.records import Claim


class Clock(Protocol):
    """Tells the time as an aware datetime in UTC."""

    def now(self) -> datetime: ...


class SharedClock(Clock, Protocol):
    def at(self, connection: Connection) -> datetime:
        """The time that all processes on this database agree on."""


class Seat(Protocol):
    """A free slot of this process's workers, kept for what one transaction queues."""

    @property
    def owner(self) -> str:
        """Whose lease it is going to be."""

    def take(self, claim: Claim, /) -> None:
        """It was claimed for this slot, and committed: run it. Returns at once."""

    def leave(self) -> None:
        """Nothing was claimed for it, or not committed."""


class Dispatch(Protocol):
    """Tells workers that there is work. Either method may do nothing: the rows are the truth."""

    def enqueue(
        self,
        connection: Connection,
        phase_run_id: str,
        /,
        *,
        not_before: datetime | None = None,
        again: bool = False,
    ) -> None:
        """Called inside the transaction that queues the phase run.

        `again`: it was enqueued before, and may have been lost.
        """

    def enqueue_all(self, connection: Connection, phase_run_ids: Sequence[str], /) -> None:
        """As `enqueue` for each of them."""

    def committed(self, phase_run_id: str) -> None:
        """Called after that transaction has committed."""

    def seat(self) -> Seat | None:
        """A slot for a phase run that somebody waits for, if this very process has one free.

        It is claimed in the transaction that queues it, instead of being enqueued.
        """


class Signal(Protocol):
    """Told after a commit that left something for the deliverer to post or update."""

    def outbox_changed(self) -> None: ...


class NoDispatch:
    """Tells nobody: workers find the work by polling."""

    def enqueue(self, connection: Connection, phase_run_id: str, **_how: object) -> None:
        pass

    def enqueue_all(self, connection: Connection, phase_run_ids: Sequence[str]) -> None:
        pass

    def committed(self, phase_run_id: str) -> None:
        pass

    def seat(self) -> None:
        pass


class NoSignal:
    """Tells nobody: the deliverer finds its rows by polling, or there is none."""

    def outbox_changed(self) -> None:
        pass
