"""A worker in its own process: `python -m tests.crew_runner.pool_process DB LEASE GRACE`."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import timedelta

from crew_runner.host.worker import WorkerPool
from storage.db.database import SystemClock
from storage.db.engines import open_engine
from storage.definitions import CrewDefinition, CrewKind, ModelSettings
from storage.ports import NoDispatch, NoSignal
from storage.reads import Reads
from storage.state_manager import StateManager


def main(arguments: Sequence[str]) -> None:
    url, *numbers = arguments
    lease_seconds, grace_seconds = map(float, numbers)
    logging.basicConfig(level=logging.INFO)
    engine = open_engine(url)
    lease = timedelta(seconds=lease_seconds)
    state = StateManager(
        engine, clock=SystemClock(), dispatch=NoDispatch(), signal=NoSignal(), lease=lease
    )
    commands_only = {"none": CrewDefinition("none", CrewKind.COMMAND, command=("true",))}
    pool = WorkerPool(
        state=state,
        reads=Reads(engine),
        model=ModelSettings(),
        crews=commands_only,
        lease=lease,
        poll=0.1,
    )
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stopped.set())
    pool.start()
    stopped.wait()
    pool.stop(timedelta(seconds=grace_seconds))


if __name__ == "__main__":
    main(sys.argv[1:])
