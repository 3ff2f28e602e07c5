"""Dying at many points on several lanes at once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.chaos.lane import Lane, Outcome
from tests.chaos.table import at_first_start, takes_long
from tests.support.prefork_server import PreforkServer as Launchpad

LANES = 4
DEATHS_A_RUN = 6
LONGEST_SECONDS = 600.0

Story = tuple[str, ...]
"""Points at which the bot dies in one run, in turn."""


class Sweep:
    """`outcome(point)` is how the run went in which the bot died there, `story(points)` that of
    a run in which it died at these in turn.

    The points are shared out among runs, far from one another on the way, so that a run has
    several deaths. A point that the deaths before it took away gets a run of its own.
    `new_database` makes one for each lane and gives its URL; else it is a SQLite file.
    """

    def __init__(
        self,
        launchpad: Launchpad,
        folder: Path,
        points: Sequence[str],
        stories: Sequence[Story] = (),
        *,
        new_database: Callable[[], str] | None = None,
        lanes: int = LANES,
    ) -> None:
        self._folder = folder
        self._new_database = new_database
        self._outcomes: dict[str, Future[Outcome]] = {point: Future() for point in points}
        self._stories: dict[Story, Future[Outcome]] = {story: Future() for story in stories}
        self._todo: queue.SimpleQueue[Story] = queue.SimpleQueue()
        for batch in (*batches(points), *stories):
            self._todo.put(batch)
        self._numbers = count(1)
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(lanes)]
        self._launchpad = launchpad

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def outcome(self, point: str) -> Outcome:
        """Waits for it; raises what went wrong in its run."""
        return self._outcomes[point].result(LONGEST_SECONDS)

    def story(self, points: Story) -> Outcome:
        """Waits for it; raises what went wrong in its run."""
        return self._stories[points].result(LONGEST_SECONDS)

    def _work(self) -> None:
        with ExitStack() as opened:
            lane: Lane | None = None
            while not self._stopping.is_set():
                try:
                    batch = self._todo.get_nowait()
                except queue.Empty:
                    return
                if any(map(at_first_start, batch)):
                    lane = None
                lane = self._play(lane, batch, opened)

    def _play(self, lane: Lane | None, batch: Story, opened: ExitStack) -> Lane | None:
        """Play it on this lane or, if there is none, on a new one; the lane if it is still good."""
        told = self._stories.get(batch)
        asked = {batch: told} if told else {(point,): self._outcomes[point] for point in batch}
        try:
            if lane is None:
                opened.close()
                database = self._new_database() if self._new_database is not None else None
                lane = opened.enter_context(Lane(self._launchpad, self._new_folder(), database))
            outcome = lane.run(*batch, slowly=any(map(takes_long, batch)))
        except BaseException as error:  # noqa: BLE001  # whoever asks for the outcome gets it
            for future in asked.values():
                future.set_exception(error)
            return None
        for points, future in asked.items():
            if told or points[0] in outcome.reached or len(batch) == 1:
                future.set_result(outcome)
            else:
                self._todo.put(points)
        return lane

    def _new_folder(self) -> Path:
        folder = self._folder / f"lane-{next(self._numbers)}"
        folder.mkdir()
        return folder


def batches(points: Sequence[str]) -> list[Story]:
    """Each a few points that are far from one another, in their order."""
    alone = [(point,) for point in points if at_first_start(point)]
    others = [point for point in points if not at_first_start(point)]
    runs = -(-len(others) // DEATHS_A_RUN)
    return [*alone, *(tuple(others[first::runs]) for first in range(runs))]
