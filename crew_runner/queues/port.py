"""The interface of queue engines. Each engine is one module of this package."""

from __future__ import annotations

from typing import Protocol

from storage.ports import Dispatch, SlotReservation


class QueueInstallError(Exception):
    """The engine's own tables cannot be created. The message says why."""


class Pool(Protocol):
    """Claims phase runs from the rows and runs them in its slots."""

    def wake(self) -> None:
        """Check the rows for work. Safe to call at any time, from any thread."""

    def reserve_slot(self) -> SlotReservation | None:
        """Reserve a free slot until it is taken or left. None if there is none."""


class Queue(Dispatch, Protocol):
    """Wakes the pools when a transaction has queued phase runs.

    It may lose, repeat, delay and reorder messages: the rows decide what runs and in which order.
    `poll`: the seconds between two checks of the rows by a pool.
    """

    @property
    def poll(self) -> float: ...

    def bind(self, pool: Pool) -> None:
        """Start waking this pool. Returns at once."""

    def stop(self) -> None:
        """Stop waking the pool. Work that it has not started stays in the rows for others."""
