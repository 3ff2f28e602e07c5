"""A worker in its own process, woken by an engine of the contract.

`python -m tests.crew_runner.queues.worker_process ENGINE URL LEASE GRACE POLL SLOTS`
"""

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
from storage.ports import NoSignal
from storage.reads import Reads
from storage.state_manager import StateManager
from tests.crew_runner.queues.transports import transport


def main(arguments: Sequence[str]) -> None:
    name, url, *numbers = arguments
    lease_seconds, grace_seconds, poll, slots = map(float, numbers)
    logging.basicConfig(level=logging.INFO, format="%(message)s %(levelname)s")
    engine = open_engine(url)
    queue = transport(name, url).queue()
    lease = timedelta(seconds=lease_seconds)
    state = StateManager(
        engine, clock=SystemClock(), dispatch=queue, signal=NoSignal(), lease=lease
    )
    commands_only = {"none": CrewDefinition("none", CrewKind.COMMAND, command=("true",))}
    pool = WorkerPool(
        state=state,
        reads=Reads(engine),
        model=ModelSettings(),
        crews=commands_only,
        slots=int(slots),
        lease=lease,
        poll=poll,
    )
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stopped.set())
    pool.start()
    queue.bind(pool)
    logging.info("ready")
    stopped.wait()
    queue.stop()
    pool.stop(timedelta(seconds=grace_seconds))


if __name__ == "__main__":
    main(sys.argv[1:])
