"""Builds crews in child processes, as a worker does, and reports on each. No model is asked."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from bot.settings import Settings
from crew_runner.host.worker import WorkerPool
from storage.db.database import SystemClock, upgrade
from storage.db.engines import open_engine
from storage.definitions import CrewDefinition, CrewReport
from storage.ports import NoDispatch, NoSignal
from storage.reads import Reads
from storage.state_manager import StateManager

CREW_SECONDS: Final = 300.0
_POLL_INTERVAL: Final = 0.05


def examine(
    crews: Mapping[str, CrewDefinition], settings: Settings
) -> Iterator[tuple[CrewDefinition, CrewReport | None]]:
    """Each crew with its report, as soon as it was built; None for one that takes too long.

    The reports are kept in a temporary database.
    """
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'reports.db'}")
        upgrade(engine)
        reads = Reads(engine)
        state = StateManager(engine, clock=SystemClock(), dispatch=NoDispatch(), signal=NoSignal())
        pool = WorkerPool(
            state=state,
            reads=reads,
            model=settings.model,
            crews=crews,
            slots=1,
            lease=settings.lease,
            environment=settings.crew_environment,
            withheld=settings.withheld,
            warm=False,
        )
        pool.start()
        try:
            for definition in crews.values():
                yield definition, _report(reads, definition.name)
        finally:
            pool.stop(timedelta(seconds=5))
            engine.dispose()


def _report(reads: Reads, name: str) -> CrewReport | None:
    deadline = time.monotonic() + CREW_SECONDS
    while time.monotonic() < deadline:
        report = reads.crew_reports().get(name)
        if report is not None:
            return report
        threading.Event().wait(_POLL_INTERVAL)
    return None
