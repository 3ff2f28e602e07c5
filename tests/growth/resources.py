"""What the real `serve` uses while executions wait: processes, threads, file handles, memory."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import psutil

from tests.support.processes import BotProcess, crews_file
from tests.support.workspace import Workspace

SETTLED: Final = 5.0
"""Seconds without a change after which the resources of `serve` count as stable."""

AT_MOST: Final = 60.0
_LOOK: Final = 0.5


@dataclass(frozen=True, slots=True)
class Resources:
    """Resources of `serve` and its descendants. `start`: seconds to the first 200 of /health;
    `memory`: of the serving process, in megabytes; `pending`: the checkpoints that it reports."""

    start: float
    processes: int
    threads: int
    handles: int
    memory: float
    pending: int


def serve_on(url: str) -> Resources:
    """Start `serve` with a practice workspace, and wait until its resources no longer change."""
    with Workspace() as workspace, TemporaryDirectory(prefix="growth-") as folder:
        place = Path(folder)
        bot = BotProcess(
            place,
            env={**workspace.env(), "DATABASE_URL": url},
            crews_file=crews_file(place, "plan"),
        )
        began = time.perf_counter()
        with bot:
            start = time.perf_counter() - began
            processes, threads, handles = _settled(bot)
            health = bot.http.get("/health").json()
            return Resources(
                start=start,
                processes=processes,
                threads=threads,
                handles=handles,
                memory=bot.process.memory_info().rss / 1e6,
                pending=health["pending_checkpoints"],
            )


def _settled(bot: BotProcess) -> tuple[int, int, int]:
    before, since = _resources(bot.family()), time.monotonic()
    until = since + AT_MOST
    while time.monotonic() - since < SETTLED and time.monotonic() < until:
        time.sleep(_LOOK)
        now = _resources(bot.family())
        if now != before:
            before, since = now, time.monotonic()
    return before


def _resources(family: Sequence[psutil.Process]) -> tuple[int, int, int]:
    threads = handles = 0
    for process in family:
        try:
            threads += process.num_threads()
            handles += process.num_fds()
        except psutil.NoSuchProcess:
            continue
    return len(family), threads, handles
