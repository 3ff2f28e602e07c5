"""Repeats what a flow did in earlier processes: methods return their saved results in order."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from .pauses import Step, changed

_STALLED_SECONDS: Final = 20.0


class Replay:
    """The steps of a flow: those that are repeated first, and those that follow.

    With `stop_at`, only the steps before that position are repeated: the method that ran there runs
    again, and those that ended after it wait.
    """

    def __init__(self, steps: Sequence[Step] = (), *, stop_at: int | None = None) -> None:
        self.steps = [*steps]
        self._saved = len(self.steps)
        self._stop_at = self._saved if stop_at is None else stop_at
        self._repeated = 0
        self._claimed: Counter[str] = Counter()
        self._sleepers: list[asyncio.Future[None]] = []

    @property
    def resumes_at(self) -> int | None:
        """Where the method that runs again belongs, if others ended after it; else None."""
        return self._stop_at if self._stop_at < self._saved else None

    def claim(self, method: str) -> Step | None:
        """The next saved step of this method; None if it has to run."""
        number = self._claimed[method]
        saved = [step for step in self.steps[: self._saved] if step.method == method]
        if number >= len(saved):
            return None
        self._claimed[method] += 1
        return saved[number]

    async def turn_of(self, step: Step) -> int:
        """Wait until all steps that ended before this one have been repeated; its position."""
        await self.until(
            lambda: self._repeated < self._stop_at and self.steps[self._repeated] is step
        )
        self._repeated += 1
        self.wake()
        return self._repeated - 1

    def remove(self, step: Step) -> int:
        """Remove a step that has been repeated; its position."""
        position = next(number for number, each in enumerate(self.steps) if each is step)
        del self.steps[position]
        return position

    async def end(self) -> None:
        """Wait until everything is repeated."""
        await self.until(lambda: self._repeated == self._saved)

    async def stop(self) -> None:
        """Wait until everything before `stop_at` is repeated."""
        await self.until(lambda: self._repeated == self._stop_at)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Raises CrewProblem if nothing happens, because the flow's code has changed."""
        while not condition():
            moved: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._sleepers.append(moved)
            await asyncio.wait({moved}, timeout=self._patience())
            if not moved.done():
                raise changed("its methods no longer follow each other as they did")

    def _patience(self) -> float | None:
        return None if self._repeated >= self._stop_at else _STALLED_SECONDS

    def wake(self) -> None:
        """Let everything that waits look again."""
        sleepers, self._sleepers = self._sleepers, []
        for sleeper in sleepers:
            if not sleeper.done():
                sleeper.set_result(None)
