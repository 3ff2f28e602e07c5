"""The port for queue engines. Each engine has one file beside this one."""

from __future__ import annotations

from typing import Protocol

from storage.ports import Dispatch, Seat


class CannotInstall(Exception):
    """Why the engine's own tables cannot be made, in words."""


class Pool(Protocol):
    """Runs phase runs in its slots, and claims them from the rows."""

    def wake(self) -> None:
        """There may be work: look at the rows. Safe to call at any time, from any thread."""

    def seat(self) -> Seat | None:
        """A slot that is free now, kept until it is taken or left."""


class Queue(Dispatch, Protocol):
    """Wakes the pools when a transaction has queued phase runs for them.

    It may lose, repeat, delay and reorder its messages: the rows decide what is run and in which
    order, and `poll` is how many seconds may pass between two looks of a pool at the rows.
    """

    @property
    def poll(self) -> float: ...

    def bind(self, pool: Pool) -> None:
        """Begin to wake this pool. Returns at once."""

    def stop(self) -> None:
        """Wake the pool no more. What it has not begun stays in the rows for others."""
