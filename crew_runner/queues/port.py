"""What every engine offers, and what it hands phase runs to. One file beside this for each."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

from storage.ports import Dispatch, Seat


class CannotInstall(Exception):
    """Why the engine's own tables cannot be made, in words."""


class Pool(Protocol):
    """Runs phase runs in its slots."""

    @property
    def slots(self) -> int: ...

    def wake(self) -> None:
        """There may be work: look at the rows."""

    def run(self, phase_run_id: str) -> Future[None]:
        """Run this one in its turn. Safe to call for one that runs, has ended or is not there.

        Cancelled: the pool stopped, or the future was cancelled, before the turn came.
        """

    def take(self, phase_run_id: str, *, within: float) -> bool:
        """Claim this one and run it, or find that there is nothing to do about it.

        False: no slot was free within so many seconds.
        """

    def seat(self) -> Seat | None:
        """A slot that is free now, kept until it is taken or left."""


class Queue(Dispatch, Protocol):
    """Brings phase runs from the transactions that queue them to the pools that run them.

    It may lose, repeat, delay and reorder them: the rows decide what is run, and `poll` is how
    many seconds may pass between two looks of a pool at the rows for what did not arrive.
    """

    @property
    def poll(self) -> float: ...

    @property
    def fed(self) -> bool:
        """Whether it hands single phase runs over, or only wakes the pool."""

    def bind(self, pool: Pool) -> None:
        """Begin to hand over. Returns at once."""

    def stop(self) -> None:
        """Hand nothing over any more; what the pool has not begun goes back to the queue."""
