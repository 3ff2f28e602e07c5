"""Measures how long phases make no progress: none may stand still longer than its lease."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from tests.trouble.background import Background
from tests.trouble.db import UNAVAILABLE, Database, seconds

POLL: Final = 0.5
MARGIN: Final = 10.0
"""Seconds beyond the lease for a recovery tick, a poll of the queue, a slot and a busy machine."""


class Standstill:
    """A phase stands still while it may be claimed but is not, or while its lease has expired. Time
    during a fault does not count."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._calm_since = time.time()
        self._since: dict[tuple[str, str, int], float] = {}
        self._what = ""
        self.longest = 0.0

    @contextmanager
    def watching(self) -> Iterator[None]:
        self._calm_since = max(self._calm_since, time.time())
        with _Watch(self):
            yield

    def disturbed(self, *, until: float = 0.0) -> None:
        """Note a fault that has just happened, or lasts until `until`."""
        self._calm_since = max(time.time(), until)

    def violations(self, allowed: float) -> Iterator[str]:
        if self.longest > allowed:
            yield f"{self._what} for {self.longest:.1f} s without a fault"

    def sample(self) -> None:
        now = time.time()
        since: dict[tuple[str, str, int], float] = {}
        for row in self._database.open_runs():
            if row["state"] == "running":
                free = seconds(row["lease_until"])
            else:
                free = max(seconds(row["created_at"]), seconds(row["not_before"]))
            place = (row["id"], row["state"], row["fence"])
            since[place] = max(free, self._since.get(place, now))
        self._since = since
        for (run, state, fence), at in since.items():
            duration = now - max(at, self._calm_since)
            if duration > self.longest:
                self.longest = duration
                self._what = f"phase run {run} stood still {state} (fence {fence})"


class _Watch(Background):
    def __init__(self, standstill: Standstill) -> None:
        super().__init__()
        self._standstill = standstill

    def _run(self) -> None:
        while not self._over.wait(POLL):
            with suppress(*UNAVAILABLE):
                self._standstill.sample()
