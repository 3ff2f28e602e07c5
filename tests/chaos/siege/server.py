"""A PostgreSQL server in trouble: started anew, its connections cut, none left, rows locked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Final

import psycopg

from tests.chaos.siege.siege import Siege
from tests.support.postgres import Server

CONNECTIONS: Final = 40
POOL: Final = {"COUNTERSIGN_DATABASE_POOL": "2"}
"""So small that clients meet a pool with nothing left."""

CUT: Final = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


@dataclass
class ServerTrouble:
    """So many troubles of these kinds in turn, with a pause of `shortest` to `longest` seconds
    before each. `scale` makes what lasts last longer."""

    server: Server
    troubles: int
    shortest: float = 5.0
    longest: float = 40.0
    scale: float = 1.0

    def strike(self, siege: Siege, over: threading.Event) -> None:
        kinds: list[tuple[str, Callable[[Siege, threading.Event], None]]] = [
            ("crashed", self._crash),
            ("with no connection left", self._exhaust),
            ("cut off", self._cut),
            ("restarted fast", self._restart_fast),
            ("with its tables locked", self._lock),
        ]
        for number in range(self.troubles):
            if over.wait(siege.random.uniform(self.shortest, self.longest)):
                return
            name, trouble = kinds[number % len(kinds)]
            with siege.troubled():
                trouble(siege, over)
            siege.counts[name] += 1

    def _restart_fast(self, siege: Siege, over: threading.Event) -> None:
        self._restart(siege, over, "fast")

    def _crash(self, siege: Siege, over: threading.Event) -> None:
        self._restart(siege, over, "immediate")

    def _restart(self, siege: Siege, over: threading.Event, mode: str) -> None:
        self.server.stop(mode=mode)
        siege.rest.healthy()  # it is asked, so that it has to say so
        over.wait(siege.random.uniform(0.0, 4.0 * self.scale))
        self.server.start()

    def _cut(self, siege: Siege, _over: threading.Event) -> None:
        with psycopg.connect(_plain(siege.database), autocommit=True) as connection:
            connection.execute(CUT)

    def _exhaust(self, siege: Siege, over: threading.Event) -> None:
        """All there are, once those in use were cut; then nobody gets one."""
        with ExitStack() as held:
            first = held.enter_context(psycopg.connect(_plain(siege.database), autocommit=True))
            first.execute(CUT)
            with suppress(psycopg.OperationalError):
                for _ in range(2 * CONNECTIONS):
                    held.enter_context(psycopg.connect(_plain(siege.database)))
            over.wait(6.0 * self.scale)

    def _lock(self, siege: Siege, over: threading.Event) -> None:
        with psycopg.connect(_plain(siege.database)) as connection:
            connection.execute("LOCK TABLE executions, checkpoints IN ACCESS EXCLUSIVE MODE")
            over.wait(5.0 * self.scale)


def _plain(url: str) -> str:
    """As psycopg takes it."""
    return url.replace("postgresql+psycopg://", "postgresql://")
