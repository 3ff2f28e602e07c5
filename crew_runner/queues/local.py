"""The queue of a single process: the rows are the queue, and a commit wakes the pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from crew_runner.queues.port import Pool
from storage.ports import SlotReservation


class LocalDispatch:
    """Workers in other processes find the rows by polling.

    The pool needs a StateManager, and that needs a Dispatch, so the pool is passed to `bind`.
    """

    poll: Final = 0.5

    def __init__(self) -> None:
        self._pool: Pool | None = None

    def bind(self, pool: Pool) -> None:
        self._pool = pool

    def stop(self) -> None:
        self._pool = None

    def enqueue(self, _connection: object, _phase_run_id: str, **_how: object) -> None:
        """Nothing to do: the row that the transaction writes is the job."""

    def enqueue_all(self, _connection: object, _phase_run_ids: Sequence[str]) -> None:
        """Nothing to do: the rows are the jobs."""

    def committed(self, _phase_run_id: str) -> None:
        if (pool := self._pool) is not None:
            pool.wake()

    def reserve_slot(self) -> SlotReservation | None:
        return None if (pool := self._pool) is None else pool.reserve_slot()
