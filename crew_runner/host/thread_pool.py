"""Threads that take up another work when they are through with one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeAlias

Work: TypeAlias = Callable[[], object]


class Hands:
    """Begins each work at once, in a thread that is free or else in a new one.

    A free one begins in a tenth of the time. `kept` of them at most wait for more work. None of
    them keeps the process from ending.
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._free: list[SimpleQueue[tuple[str, Work] | None]] = []
        self._busy = 0
        self._through = threading.Condition()

    @property
    def busy(self) -> int:
        """How many works have begun and not ended."""
        return self._busy

    def begin(self, work: Work, name: str) -> None:
        """Raises RuntimeError, with nothing begun, where no thread can be started."""
        with self._through:
            self._busy += 1
            given = self._free.pop() if self._free else None
        if given is None:
            given = SimpleQueue()
            try:
                threading.Thread(target=self._work_on, args=(given,), daemon=True).start()
            except RuntimeError:
                self._ended()
                raise
        given.put((name, work))

    def wait(self, seconds: float) -> bool:
        """Whether all works ended within so many seconds."""
        with self._through:
            return self._through.wait_for(lambda: self._busy == 0, timeout=max(0.0, seconds))

    def let_go(self) -> None:
        """Let the free ones end, and those that are still at work when they are through."""
        with self._through:
            self._kept = 0
            free, self._free = self._free, []
        for given in free:
            given.put(None)

    def _work_on(self, given: SimpleQueue[tuple[str, Work] | None]) -> None:
        while (told := given.get()) is not None:
            threading.current_thread().name, work = told
            try:
                work()
            except BaseException:
                self._ended()
                raise
            del told, work  # what they hold is not kept until the next
            if not self._ended(given):
                return

    def _ended(self, given: SimpleQueue[tuple[str, Work] | None] | None = None) -> bool:
        """Whether the thread that takes what is given here waits for more."""
        with self._through:
            self._busy -= 1
            stays = given is not None and len(self._free) < self._kept
            if given is not None and stays:
                self._free.append(given)
            self._through.notify_all()
        return stays
