"""The limit of the disk: durable commits of one small row by the bare driver, in a loop.

A cycle here is one commit; every real system needs at least two (the decision, the pause).
"""

from __future__ import annotations

import sqlite3
import time

import psycopg

from tests.bench.disk import WRITTEN
from tests.peers.peer import Cycle


class BareSqlite:
    def __init__(self, folder: str) -> None:
        self._connection = sqlite3.connect(f"{folder}/written.db", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE written (text TEXT)")

    def park(self) -> str:
        return ""

    def cycle(self, _run: str) -> Cycle:
        began = time.monotonic()
        self._connection.execute("INSERT INTO written VALUES (?)", (WRITTEN,))
        took = time.monotonic() - began
        return Cycle(took, took)

    def close(self) -> None:
        self._connection.close()


class BarePostgresql:
    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
        self._connection.execute("CREATE TABLE written (text TEXT)")

    def park(self) -> str:
        return ""

    def cycle(self, _run: str) -> Cycle:
        began = time.monotonic()
        self._connection.execute("INSERT INTO written VALUES (%s)", (WRITTEN,))
        took = time.monotonic() - began
        return Cycle(took, took)

    def close(self) -> None:
        self._connection.close()
