"""The limit of our own statements: those that Countersign sends to SQLite, by the bare driver.

Runs are recorded once, with all statements of their cycles' transactions; then these are sent to a
copy of the file as it was before. Only the program's own work is left out; every flush remains.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event

from tests.peers.countersign import on_sqlite
from tests.peers.peer import CYCLES, Cycle

RECORDED: Final = 100
"""Recorded runs. After the last one, they start again on a new copy."""

Sent = tuple[str, tuple[Any, ...]]
"""A method of the driver's connection, and its arguments."""


class Recording(sqlite3.Connection):
    """Records what it is sent from BEGIN IMMEDIATE to the commit."""

    sent: Final[list[Sent]] = []
    _writes = False

    def execute(self, sql: str, values: Any = (), /) -> sqlite3.Cursor:
        self._writes |= sql == "BEGIN IMMEDIATE"
        self._note("execute", sql, values)
        return super().execute(sql, values)

    def executemany(self, sql: str, values: Any, /) -> sqlite3.Cursor:
        self._note("executemany", sql, values)
        return super().executemany(sql, values)

    def commit(self) -> None:
        self._note("commit")
        self._writes = False
        super().commit()

    def _note(self, method: str, *arguments: Any) -> None:
        if self._writes:
            self.sent.append((method, arguments))


class BareStatements:
    def __init__(self, folder: str) -> None:
        self._parked = Path(folder, "parked.db")
        self._cycles: dict[str, list[list[Sent]]] = {}
        self._record(folder)
        self._copies: list[sqlite3.Connection] = []
        self._left: dict[str, tuple[sqlite3.Connection, list[list[Sent]]]] = {}
        self._unused: list[str] = []

    def _record(self, folder: str) -> None:
        peer = on_sqlite(folder)
        try:
            event.listen(peer.engine, "do_connect", _as_recording)
            peer.engine.dispose()
            runs = [peer.park() for _ in range(RECORDED)]
            with (
                closing(sqlite3.connect(Path(folder, "countersign.db"))) as source,
                closing(sqlite3.connect(self._parked)) as parked,
            ):
                source.backup(parked)
            for run in runs * CYCLES:
                Recording.sent.clear()
                peer.cycle(run)
                self._cycles.setdefault(run, []).append([*Recording.sent])
        finally:
            peer.close()

    def _open(self) -> None:
        copy = self._parked.with_name(f"copy{len(self._copies)}.db")
        copy.write_bytes(self._parked.read_bytes())
        connection = sqlite3.connect(copy, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        self._copies.append(connection)
        self._unused = [*self._cycles]

    def park(self) -> str:
        if not self._unused:
            self._open()
        run = self._unused.pop(0)
        name = f"{run} in copy {len(self._copies)}"
        self._left[name] = (self._copies[-1], [*self._cycles[run]])
        return name

    def cycle(self, run: str) -> Cycle:
        connection, remaining = self._left[run]
        sent = remaining.pop(0)
        began = time.monotonic()
        for method, arguments in sent:
            answer = getattr(connection, method)(*arguments)
            if answer is not None and answer.description:
                answer.fetchall()
        took = time.monotonic() - began
        return Cycle(took, took)

    def close(self) -> None:
        for connection in self._copies:
            connection.close()


def _as_recording(
    _dialect: object, _record: object, _positional: object, named: dict[str, Any]
) -> None:
    named["factory"] = Recording
