"""Looking, all the time, how long phases stand still: nothing may for longer than its lease."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from tests.chaos.beside import Beside
from tests.chaos.siege.tables import Tables
from tests.chaos.sql import AWAY, seconds

EVERY: Final = 0.5
MARGIN: Final = 10.0
"""Beyond the lease: a tick of recovery, a queue's look, the wait for a slot, a busy machine."""


class Watch(Beside):
    """A phase stands still from when it may be claimed and nothing is done about it, or holds a
    lease that has run out. Time in which something went wrong does not count."""

    def __init__(self, tables: Tables) -> None:
        super().__init__()
        self._tables = tables
        self._calm_since = time.time()
        self._since: dict[tuple[str, str, int], float] = {}
        self.longest = 0.0
        self._what = ""

    def disturbed(self, *, until: float = 0.0) -> None:
        """Something has just gone wrong, and goes on being wrong until then."""
        self._calm_since = max(time.time(), until)

    def violations(self, lease: float) -> Iterator[str]:
        if self.longest > lease + MARGIN:
            yield f"{self._what} for {self.longest:.1f} s with nothing in its way"

    def _go_on(self) -> None:
        while not self._over.wait(EVERY):
            with suppress(*AWAY):
                self._look_once()

    def _look_once(self) -> None:
        now = time.time()
        found: dict[tuple[str, str, int], float] = {}
        for row in self._tables.open_runs():
            if row["state"] == "running":
                free = seconds(row["lease_until"])
            else:
                free = max(seconds(row["created_at"]), seconds(row["not_before"]))
            place = (row["id"], row["state"], row["fence"])
            found[place] = max(free, self._since.get(place, now))
        self._since = found
        for (run, state, fence), since in found.items():
            still = now - max(since, self._calm_since)
            if still > self.longest:
                self.longest = still
                self._what = f"phase run {run} stood still {state} (fence {fence})"
