"""Countersign: `StateManager.decide`, and the real pool of workers that runs what it queues.

Everything except the child process is the product's own. The decision is checked and committed with
its audit and outbox rows and with the claim (owner, lease, fence) of the next phase run, since a
worker in the same process is free; `phase_done` commits the text, the next checkpoint and its
messages. The phase itself runs in the worker's thread, as with the peers.

SQLite runs in WAL mode with `synchronous=FULL`. PostgreSQL uses Procrastinate, as `serve` does.
`brought_by_jobs` measures processes without workers (`serve --workers 0`): a job is committed with
the decision, its notification wakes the workers, and the claim is a second commit. This, too, runs
in one process.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from datetime import timedelta
from queue import Queue
from typing import Any, Final

from sqlalchemy import Engine

from crew_runner.host.phase_files import EndedPhase
from crew_runner.host.worker import WorkerPool
from crew_runner.queues.local import LocalDispatch
from crew_runner.queues.port import Queue as PhaseQueue
from crew_runner.queues.procrastinate import ProcrastinateQueue
from crew_runner.queues.procrastinate_schema import install
from storage.db.database import SystemClock, upgrade
from storage.db.engines import connection_arguments, open_engine
from storage.decisions import Decision
from storage.definitions import CrewDefinition, CrewKind, ModelSettings
from storage.ports import NoSignal
from storage.reads import Reads
from storage.records import Action, Claim, PhaseOutput
from storage.state_manager import StateManager
from tests.peers.peer import PHASES, TEXT, Cycle
from tests.support.factories import ANA, asking, crew

LEASE: Final = timedelta(seconds=30)
COMMANDS_ONLY: Final = {"none": CrewDefinition("none", CrewKind.COMMAND, command=("true",))}
"""A crew for the pool's check at its start; it needs no crew code."""


class Workers(WorkerPool):
    """Runs phases in this process instead of children; results are committed as usual."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self.began: Queue[float] = Queue()
        self.ended: Queue[float] = Queue()

    def _run_in_child(self, claim: Claim) -> EndedPhase:
        self.began.put(time.monotonic())
        return EndedPhase(claim, PhaseOutput(TEXT))

    def _record_outcome(self, ended: EndedPhase) -> None:
        super()._record_outcome(ended)
        self.ended.put(time.monotonic())


class Jobs(ProcrastinateQueue):
    """Announces every phase run by a job."""

    def reserve_slot(self) -> None:
        """Reserve no slot, as if the process had no worker."""


class Countersign:
    def __init__(self, url: str, queue_for: Callable[[Engine], PhaseQueue]) -> None:
        self.engine = open_engine(url)
        upgrade(self.engine, install if self.engine.dialect.name == "postgresql" else None)
        self._queue = queue_for(self.engine)
        self._state = StateManager(
            self.engine,
            clock=SystemClock(),
            dispatch=self._queue,
            signal=NoSignal(),
            lease=LEASE,
        )
        self._reads = Reads(self.engine)
        self._crew = crew(phases=PHASES, after=PHASES[:-1])
        self._workers = Workers(
            state=self._state,
            reads=self._reads,
            model=ModelSettings(),
            crews=COMMANDS_ONLY,
            lease=LEASE,
            poll=self._queue.poll,
        )
        self._workers.start()
        self._queue.bind(self._workers)
        gc.collect()
        gc.freeze()  # as every role of the bot does after its start

    def park(self) -> str:
        execution = self._state.start_execution(
            definition=self._crew, request=asking(), requester=ANA, channel="CCAMPAIGNS"
        )
        self._workers.began.get(timeout=30)
        self._workers.ended.get(timeout=30)
        return execution.id

    def cycle(self, run: str) -> Cycle:
        waiting = self._reads.waiting_checkpoint(run)  # the person has it on the screen
        assert waiting is not None, run
        decided = time.monotonic()
        self._state.decide(Decision(waiting.id, Action.CONTINUE, ANA))
        return Cycle(
            self._workers.began.get(timeout=30) - decided,
            self._workers.ended.get(timeout=30) - decided,
        )

    def close(self) -> None:
        self._queue.stop()
        self._workers.stop(timedelta(seconds=5))
        self.engine.dispose()


def on_sqlite(folder: str) -> Countersign:
    return Countersign(f"sqlite:///{folder}/countersign.db", lambda _engine: LocalDispatch())


def on_postgresql(url: str) -> Countersign:
    return Countersign(url, lambda engine: ProcrastinateQueue(connection_arguments(engine)))


def brought_by_jobs(url: str) -> Countersign:
    return Countersign(url, lambda engine: Jobs(connection_arguments(engine)))
