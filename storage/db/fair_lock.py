"""A lock that goes to the thread that has waited longest."""

from __future__ import annotations

import threading
from collections import deque


class FairLock:
    """A lock whose waiters get it in the order in which they came.

    A thread that releases a `threading.Lock` may get it back before the others. A tick that writes
    in many passes would thus block people's decisions until they time out.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._locked = False
        self._waiting: deque[threading.Lock] = deque()

    @property
    def waiting(self) -> int:
        """The number of waiting threads."""
        return len(self._waiting)

    def acquire(self, *, timeout: float) -> bool:
        """Wait for the lock for up to `timeout` seconds. Returns whether it was acquired."""
        with self._mutex:
            if not self._locked:
                self._locked = True
                return True
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        if turn.acquire(timeout=timeout):
            return True
        with self._mutex:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return False
        return True  # it was handed over right after the timeout

    def release(self) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._locked = False
