"""DBOS: a workflow that waits in `recv` between its steps; the decision is `send`.

A step's text is recorded before `recv` is called: from then on the run counts as waiting. The
message with the decision is durable when `send` returns. The workflow continues in the thread that
it blocks while it waits, which is how DBOS waits in one process. On PostgreSQL it is woken by
NOTIFY; on SQLite it polls, here every millisecond, the minimum (its default is a second).
"""

from __future__ import annotations

import time
from functools import partial
from queue import Queue
from uuid import uuid4

from dbos import (  # type: ignore[import-not-found] # of tests/peers/requirements.txt
    DBOS,
    SetWorkflowID,
)

from tests.peers.peer import PHASES, TEXT, Cycle

TOPIC = "decision"
BEGAN: Queue[float] = Queue()
WAITS: Queue[float] = Queue()


def phase(_name: str, _outputs: list[str]) -> str:
    BEGAN.put(time.monotonic())
    return TEXT


recorded = DBOS.step()(phase)


def campaign() -> int:
    outputs: list[str] = []
    for name in PHASES:
        outputs.append(recorded(name, outputs))
        WAITS.put(time.monotonic())
        if name != PHASES[-1]:
            assert DBOS.recv(TOPIC, timeout_seconds=3600) == "continue"
    return len(outputs)


durable = DBOS.workflow()(campaign)


class DBOSRecv:
    def __init__(self, place: str, *, on: str) -> None:
        url = place if on == "postgresql" else f"sqlite:///{place}/dbos.db"
        self._dbos = DBOS(
            config={
                "name": "peers",
                "system_database_url": url,
                "log_level": "ERROR",
                "run_admin_server": False,
                "notification_listener_polling_interval_sec": 0.001,
            }
        )
        DBOS.launch()

    def park(self) -> str:
        run = str(uuid4())
        with SetWorkflowID(run):
            DBOS.start_workflow(durable)
        BEGAN.get(timeout=30)
        WAITS.get(timeout=30)
        return run

    def cycle(self, run: str) -> Cycle:
        decided = time.monotonic()
        DBOS.send(run, "continue", TOPIC)
        return Cycle(BEGAN.get(timeout=30) - decided, WAITS.get(timeout=30) - decided)

    def close(self) -> None:
        DBOS.destroy()


on_sqlite = partial(DBOSRecv, on="sqlite")
on_postgresql = partial(DBOSRecv, on="postgresql")
