"""One peer in a process of its own: `python -m tests.peers.station NAME PLACE`.

Each line on stdin is a number of runs: they are started, then taken in turn through their cycles;
a line of JSON on stdout tells what each cycle took.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Final

from tests.peers.peer import CYCLES, Cycle, Opened, Peer

PEERS: Final = {
    "countersign-sqlite": "countersign:on_sqlite",
    "countersign-postgresql": "countersign:on_postgresql",
    "countersign-jobs": "countersign:brought_by_jobs",
    "langgraph-sqlite": "langgraph_interrupts:sqlite_sync",
    "langgraph-sqlite-async": "langgraph_interrupts:sqlite_async",
    "langgraph-postgresql": "langgraph_interrupts:postgresql_sync",
    "langgraph-postgresql-async": "langgraph_interrupts:postgresql_async",
    "crewai-flow": "crewai_flow:CrewAIFlow",
    "dbos-sqlite": "dbos_recv:on_sqlite",
    "dbos-postgresql": "dbos_recv:on_postgresql",
    "celery-redis": "celery_redis:CeleryOnRedis",
    "statements-sqlite": "bare_statements:BareStatements",
    "disk-sqlite": "bare_commits:BareSqlite",
    "disk-postgresql": "bare_commits:BarePostgresql",
}
"""Each in a file of its own, imported only where it runs."""


def opened(name: str, place: str) -> Peer:
    module, _, of_it = PEERS[name].partition(":")
    found: Opened = getattr(importlib.import_module(f"tests.peers.{module}"), of_it)
    return found(place)


def rounds(peer: Peer, runs: int) -> list[Cycle]:
    """The cycles of so many runs that wait side by side."""
    waiting = [peer.park() for _ in range(runs)]
    return [peer.cycle(run) for _ in range(CYCLES) for run in waiting]


def main(name: str, place: str) -> None:
    told, sys.stdout = sys.stdout, sys.stderr  # what a peer prints is no answer
    peer = opened(name, place)
    try:
        for line in sys.stdin:
            told.write(json.dumps(rounds(peer, int(line))) + "\n")
            told.flush()
    finally:
        peer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
