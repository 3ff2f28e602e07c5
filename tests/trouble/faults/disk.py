"""Faults of a SQLite file: locked by another writer, or on a full or failing disk."""

from __future__ import annotations

import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.trouble.faults.strace import injected
from tests.trouble.load.load import Fault, Load

DISK_MEGABYTES: Final = 24
"""The size in megabytes of the disk that is filled."""

BALLAST: Final = "ballast"


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mounts a small file system at `folder`. Needs root."""
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m"]
    subprocess.run(["mount", *options, "countersign-chaos", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@dataclass
class DiskFaults(Fault):
    """`count` faults in turn, each after a pause of up to `pause` seconds. A lock lasts one of
    `locks` seconds, the other faults `lasting` seconds. `full`: the file's disk can be filled."""

    file: Path
    count: int
    pause: float = 5.0
    locks: tuple[float, ...] = (1.0, 5.0, 30.0)
    lasting: float = 4.0
    full: bool = True

    def strike(self, load: Load, over: threading.Event) -> None:
        kinds: list[tuple[str, Callable[[Load, threading.Event], None]]] = [
            ("locked", self._lock),
            ("on a disk that fails at fsync", self._fail),
            ("on a disk that fails at writes", self._fail_to_write),
        ]
        if self.full:
            kinds.insert(1, ("on a full disk", self._fill))
        for number in range(self.count):
            if over.wait(load.random.uniform(0.5, self.pause)):
                return
            name, fault = kinds[number % len(kinds)]
            with load.troubled():
                fault(load, over)
            load.counts[name] += 1
        for bot in load.processes.bots:  # the file must be intact without what they had in memory
            load.processes.kill(bot.family(), orphans=[])
            load.counts["kills"] += 1
        self._check(load)

    def _lock(self, load: Load, over: threading.Event) -> None:
        with closing(sqlite3.connect(self.file, timeout=30, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            over.wait(load.random.choice(self.locks))
            writer.execute("ROLLBACK")

    def _fill(self, _load: Load, over: threading.Event) -> None:
        ballast = self.file.with_name(BALLAST)
        try:
            with suppress(OSError), ballast.open("wb", buffering=0) as filled:
                while True:
                    filled.write(bytes(4096))
            over.wait(self.lasting)
        finally:
            ballast.unlink(missing_ok=True)

    def _fail(self, load: Load, over: threading.Event) -> None:
        self._injected(load, over, "fsync,fdatasync:error=EIO")

    def _fail_to_write(self, load: Load, over: threading.Event) -> None:
        self._injected(load, over, "pwrite64:error=ENOSPC:when=2+3")

    def _injected(self, load: Load, over: threading.Event, injection: str) -> None:
        family = load.random.choice(load.processes.bots).family()
        if family:
            wal = self.file.with_name(f"{self.file.name}-wal")
            with injected(family[0].pid, injection, paths=(self.file, wal)):
                over.wait(self.lasting)

    def _check(self, load: Load) -> None:
        with closing(sqlite3.connect(self.file, timeout=10)) as database:
            [[verdict]] = database.execute("PRAGMA integrity_check").fetchall()
        if verdict != "ok":
            load.broken.append(f"the file is corrupt: {verdict}")
