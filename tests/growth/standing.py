"""What the real `serve` holds while executions wait: processes, threads, file handles, memory."""

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
"""Seconds without a change after which what `serve` holds is what it keeps."""

AT_MOST: Final = 60.0
_LOOK: Final = 0.5


@dataclass(frozen=True, slots=True)
class Holds:
    """Of `serve` and all that descends from it. `start`: seconds to the first 200 of /health;
    `memory`: of the serving process, in megabytes; `pending`: what it says that waits."""

    start: float
    processes: int
    threads: int
    handles: int
    memory: float
    pending: int


def serve_on(url: str) -> Holds:
    """Started with the practice workspace as its Slack, and left until nothing changes."""
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
            told = bot.http.get("/health").json()
            return Holds(
                start=start,
                processes=processes,
                threads=threads,
                handles=handles,
                memory=bot.process.memory_info().rss / 1e6,
                pending=told["pending_checkpoints"],
            )


def _settled(bot: BotProcess) -> tuple[int, int, int]:
    before, since = _held(bot.family()), time.monotonic()
    until = since + AT_MOST
    while time.monotonic() - since < SETTLED and time.monotonic() < until:
        time.sleep(_LOOK)
        now = _held(bot.family())
        if now != before:
            before, since = now, time.monotonic()
    return before


def _held(family: Sequence[psutil.Process]) -> tuple[int, int, int]:
    threads = handles = 0
    for process in family:
        try:
            threads += process.num_threads()
            handles += process.num_fds()
        except psutil.NoSuchProcess:
            continue
    return len(family), threads, handles
