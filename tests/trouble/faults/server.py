"""Faults of a PostgreSQL server: restarts, dropped or exhausted connections, locked tables."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Final

import psycopg

from tests.support.postgres import Server
from tests.trouble.load.load import Fault, Load

CONNECTIONS: Final = 40
POOL: Final = {"COUNTERSIGN_DATABASE_POOL": "2"}
"""So small that clients find the pool exhausted."""

CUT: Final = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


@dataclass
class ServerFaults(Fault):
    """`count` faults in turn, with a pause of `shortest` to `longest` seconds before each. `scale`
    multiplies how long a fault lasts."""

    server: Server
    count: int
    shortest: float = 5.0
    longest: float = 40.0
    scale: float = 1.0

    def strike(self, load: Load, over: threading.Event) -> None:
        kinds: list[tuple[str, Callable[[Load, threading.Event], None]]] = [
            ("crashed", self._crash),
            ("with no connection left", self._exhaust),
            ("cut off", self._cut),
            ("restarted fast", self._restart_fast),
            ("with its tables locked", self._lock),
        ]
        for number in range(self.count):
            if over.wait(load.random.uniform(self.shortest, self.longest)):
                return
            name, fault = kinds[number % len(kinds)]
            with load.troubled():
                fault(load, over)
            load.counts[name] += 1

    def _restart_fast(self, load: Load, over: threading.Event) -> None:
        self._restart(load, over, "fast")

    def _crash(self, load: Load, over: threading.Event) -> None:
        self._restart(load, over, "immediate")

    def _restart(self, load: Load, over: threading.Event, mode: str) -> None:
        self.server.stop(mode=mode)
        load.rest.healthy()  # makes the bot answer that its database is unavailable
        over.wait(load.random.uniform(0.0, 4.0 * self.scale))
        self.server.start()

    def _cut(self, load: Load, _over: threading.Event) -> None:
        with psycopg.connect(_plain(load.url), autocommit=True) as connection:
            connection.execute(CUT)

    def _exhaust(self, load: Load, over: threading.Event) -> None:
        """Drop the connections in use, then take all there are: nobody else gets one."""
        with ExitStack() as stack:
            first = stack.enter_context(psycopg.connect(_plain(load.url), autocommit=True))
            first.execute(CUT)
            with suppress(psycopg.OperationalError):
                for _ in range(2 * CONNECTIONS):
                    stack.enter_context(psycopg.connect(_plain(load.url)))
            over.wait(6.0 * self.scale)

    def _lock(self, load: Load, over: threading.Event) -> None:
        with psycopg.connect(_plain(load.url)) as connection:
            connection.execute("LOCK TABLE executions, checkpoints IN ACCESS EXCLUSIVE MODE")
            over.wait(5.0 * self.scale)


def _plain(url: str) -> str:
    """The URL as psycopg expects it."""
    return url.replace("postgresql+psycopg://", "postgresql://")
