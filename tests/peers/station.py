"""One peer in its own process: `python -m tests.peers.station NAME PLACE`.

Each line on stdin is a number of runs, which are started and then taken in turn through their
cycles; the answer on stdout is a line of JSON with the times of each cycle.
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
"""Each peer is in its own file, which is imported only in its process."""


def opened(name: str, place: str) -> Peer:
    module, _, of_it = PEERS[name].partition(":")
    open_peer: Opened = getattr(importlib.import_module(f"tests.peers.{module}"), of_it)
    return open_peer(place)


def rounds(peer: Peer, runs: int) -> list[Cycle]:
    """The cycles of `runs` runs that wait at the same time."""
    waiting = [peer.park() for _ in range(runs)]
    return [peer.cycle(run) for _ in range(CYCLES) for run in waiting]


def main(name: str, place: str) -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # a peer's own prints are not answers
    peer = opened(name, place)
    try:
        for line in sys.stdin:
            answers.write(json.dumps(rounds(peer, int(line))) + "\n")
            answers.flush()
    finally:
        peer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
