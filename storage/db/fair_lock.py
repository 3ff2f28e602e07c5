"""A lock that is handed to whoever has waited longest."""

from __future__ import annotations

import threading
from collections import deque


class FairLock:
    """As `threading.Lock`, which the thread that has just let go may take again before the others.

    A tick that writes in many passes would so keep out people, until they are told to try again.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Lock] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    def acquire(self, *, timeout: float) -> bool:
        """Whether it was one's turn within `timeout` seconds."""
        with self._mutex:
            if not self._taken:
                self._taken = True
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
        return True  # its turn came at the last moment

    def release(self) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
