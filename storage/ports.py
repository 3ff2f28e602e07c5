"""The interfaces of the storage package that other packages implement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

from sqlalchemy import Connection

from storage.measurements import Measurement
from storage.records import Claim


class Clock(Protocol):
    """Returns the time as an aware datetime in UTC."""

    def now(self) -> datetime: ...


class SharedClock(Clock, Protocol):
    def at(self, connection: Connection) -> datetime:
        """Return the time that all processes on this database agree on."""


class SlotReservation(Protocol):
    """A free worker slot of this process, reserved for the phase run that a transaction queues."""

    @property
    def owner(self) -> str:
        """The owner of the lease that the transaction takes for this slot."""

    def run(self, claim: Claim, /) -> None:
        """Run this claim: the transaction has committed. Returns at once."""

    def release(self) -> None:
        """Free the slot: nothing was claimed for it, or the transaction was rolled back."""


class Dispatch(Protocol):
    """Wakes workers. Every method may do nothing: the rows are the truth, and workers poll too."""

    def enqueue(
        self,
        connection: Connection,
        phase_run_id: str,
        /,
        *,
        not_before: datetime | None = None,
        again: bool = False,
    ) -> None:
        """Enqueue a phase run, inside the transaction that queues it.

        `again`: it was enqueued before, and the job may have been lost.
        """

    def enqueue_all(self, connection: Connection, phase_run_ids: Sequence[str], /) -> None:
        """Do what `enqueue` does for each of them."""

    def committed(self, phase_run_id: str) -> None:
        """Wake a worker: the transaction that queued the phase run has committed."""

    def reserve_slot(self) -> SlotReservation | None:
        """Reserve a worker slot of this process for a phase run that a person waits for.

        None if no slot is free. With a slot, the transaction that queues the phase run also claims
        it, and does not enqueue it.
        """


class Signal(Protocol):
    """Called after a commit, from the thread that committed. Must return at once."""

    def outbox_changed(self) -> None:
        """There is something for the deliverer to post or update."""

    def events_committed(self) -> None:
        """There are new events of executions."""


class Meter(Protocol):
    """Gets what use cases measured, after their commit and from the thread that committed."""

    def record(self, measurements: Sequence[Measurement], /) -> None: ...


class NoMeter:
    """Nobody monitors this process."""

    def record(self, measurements: Sequence[Measurement]) -> None:
        pass


class Cipher(Protocol):
    """Encrypts secrets at rest."""

    @property
    def mark(self) -> str:
        """How what it encrypts begins; it differs for each key. Empty: it does not encrypt."""

    def encrypt(self, text: str) -> str: ...

    def decrypt(self, stored: str) -> str:
        """Raises Undecipherable if no key fits."""


class NoCipher:
    """Stores secrets as they are: the operator has set no encryption keys."""

    mark = ""

    def encrypt(self, text: str) -> str:
        return text

    def decrypt(self, stored: str) -> str:
        if stored.startswith(ENCRYPTED):
            raise Undecipherable
        return stored


NO_CIPHER: Final = NoCipher()

ENCRYPTED: Final = "fernet:"
"""How encrypted text begins, whatever the key."""


class Undecipherable(Exception):
    """A stored secret was encrypted with a key that this process does not have."""

    def __init__(self) -> None:
        super().__init__("no key in COUNTERSIGN_ENCRYPTION_KEYS fits")


class NoDispatch:
    """Wakes no worker: workers find the work by polling."""

    def enqueue(self, connection: Connection, phase_run_id: str, **_how: object) -> None:
        pass

    def enqueue_all(self, connection: Connection, phase_run_ids: Sequence[str]) -> None:
        pass

    def committed(self, phase_run_id: str) -> None:
        pass

    def reserve_slot(self) -> None:
        pass


class NoSignal:
    """Wakes nobody: deliverers and streams find their rows by polling, or there are none."""

    def outbox_changed(self) -> None:
        pass

    def events_committed(self) -> None:
        pass
