"""The disk's limit: how long a commit takes that does nothing else."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

WRITTEN = "x" * 200


class Disk:
    """Durable commits of one small row, with the settings of the product's database."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "disk.db"
        with closing(self._open()) as connection:
            connection.execute("CREATE TABLE written (text TEXT)")

    def commits(self, count: int) -> list[float]:
        """Make `count` commits; return the seconds that each took."""
        took = []
        with closing(self._open()) as connection:
            for _ in range(count):
                began = time.perf_counter()
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("INSERT INTO written VALUES (?)", (WRITTEN,))
                connection.execute("COMMIT")
                took.append(time.perf_counter() - began)
        return took

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return connection
