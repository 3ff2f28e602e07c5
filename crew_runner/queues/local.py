"""The queue of one process: the rows are the queue, and a commit wakes the pool beside it."""

from __future__ import annotations

from typing import Protocol


class Pool(Protocol):
    """What can be told that there may be work."""

    def wake(self) -> None: ...


class LocalDispatch:
    """storage.ports.Dispatch. Workers of other processes find the rows by polling.

    The pool needs a StateManager, which needs a Dispatch: so the pool comes in by `bind`.
    """

    def __init__(self) -> None:
        self._pool: Pool | None = None

    def bind(self, pool: Pool) -> None:
        self._pool = pool

    def enqueue(self, _connection: object, _phase_run_id: str) -> None:
        """The row that the transaction writes is the job."""

    def committed(self, _phase_run_id: str) -> None:
        if self._pool is not None:
            self._pool.wake()
