"""IdempotencyKeys: the keys of requests, and their answers. One method = one transaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine

from storage.db.database import writing
from storage.idempotency import Answer, KeyLock
from storage.ports import SharedClock
from storage.state_manager import AGAIN
from storage.use_cases import idempotency

T = TypeVar("T")

LOCK: Final = timedelta(seconds=15)
"""How long a request may take. If its process dies, a repetition is let through after this time."""

KEPT: Final = timedelta(hours=48)


class IdempotencyKeys:
    """Safe to share between threads. Every method raises Busy if the database does not answer."""

    def __init__(self, engine: Engine, *, clock: SharedClock) -> None:
        self._engine = engine
        self._clock = clock

    def begin(self, *, caller: str, key: str, request_hash: str) -> KeyLock | Answer:
        """Lock the caller's key for this request, or return the answer that the first one got.

        Raises KeyUnderWay, KeyOfAnotherRequest.
        """
        return self._commit(
            lambda connection, now: idempotency.begin(
                connection, caller=caller, key=key, request_hash=request_hash, now=now, lock=LOCK
            )
        )

    def finish(self, lock: KeyLock, answer: Answer) -> None:
        """Store the answer, so that repetitions get it."""
        self._commit(lambda connection, _: idempotency.finish(connection, lock, answer))

    def release(self, lock: KeyLock) -> None:
        """Free the key: a repetition is carried out."""
        self._commit(lambda connection, _: idempotency.release(connection, lock))

    def delete_old(self, *, older_than: timedelta = KEPT) -> int:
        """Delete keys that were first used so long ago; returns how many."""
        return self._commit(
            lambda connection, now: idempotency.delete_old(connection, before=now - older_than)
        )

    def _commit(self, use_case: Callable[[Connection, datetime], T]) -> T:
        result: T = AGAIN(self._commit_once, use_case)
        return result

    def _commit_once(self, use_case: Callable[[Connection, datetime], T]) -> T:
        with writing(self._engine) as connection:
            return use_case(connection, self._clock.at(connection))
