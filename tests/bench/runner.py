"""The runner without its front ends: a worker pool over a database of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from crew_runner.host.worker import WorkerPool
from crew_runner.models.drafter.server import OfflineDrafter
from crew_runner.queues.local import LocalDispatch
from storage.db.database import SystemClock, upgrade
from storage.db.engines import open_engine
from storage.decisions import Decision
from storage.definitions import CrewDefinition
from storage.ports import NoSignal
from storage.reads import Reads
from storage.records import Action, Execution, PhaseRun
from storage.state_manager import StateManager
from storage.states import ExecutionState
from tests.support.factories import ANA, asking
from tests.support.processes import wait_until

LEASE: Final = timedelta(seconds=30)
_AT_WORK: Final = (ExecutionState.PENDING, ExecutionState.RUNNING)


@dataclass(frozen=True, slots=True)
class Runner:
    """A running pool; starts executions and approves every gate."""

    state: StateManager
    reads: Reads

    def start(self, definition: CrewDefinition) -> str:
        """Start an execution without optional checkpoints; return its id."""
        return self.state.start_execution(
            definition=definition, request=asking(), requester=ANA, checkpoints=()
        ).id

    def run(self, definition: CrewDefinition) -> list[float]:
        """Run an execution to its end; return for each phase the seconds from the commit that
        queued it to the one that stored its output."""
        execution_id = self.start(definition)
        while (waiting := self.at_rest(execution_id)).state is ExecutionState.WAITING_FEEDBACK:
            gate = self.reads.waiting_checkpoint(waiting.id)
            assert gate is not None
            self.state.decide(Decision(gate.id, Action.CONTINUE, ANA))
        return [seconds_of(run) for run in self.reads.phase_runs(execution_id)]

    def all_ended(self, execution_ids: Collection[str]) -> list[PhaseRun]:
        """Wait until all these executions have ended; return their phase runs."""
        ended = [self.at_rest(execution_id) for execution_id in execution_ids]
        return [run for execution in ended for run in self.reads.phase_runs(execution.id)]

    def at_rest(self, execution_id: str) -> Execution:
        """Wait until the execution has ended or waits for a person; return it."""
        wait_until(
            lambda: self.reads.execution(execution_id).state not in _AT_WORK,
            within=120,
            what="the execution ends or waits",
        )
        execution = self.reads.execution(execution_id)
        assert execution.state in (ExecutionState.COMPLETED, ExecutionState.WAITING_FEEDBACK), (
            execution.error
        )
        return execution


def seconds_of(run: PhaseRun) -> float:
    """From the commit that queued a phase to the one that stored its output."""
    assert run.ended_at is not None
    return (run.ended_at - run.created_at).total_seconds()


@contextmanager
def runner_in(
    folder: Path, crews: Mapping[str, CrewDefinition], drafter: OfflineDrafter, *, slots: int
) -> Iterator[Runner]:
    """A warm pool that has built every crew once."""
    engine = open_engine(f"sqlite:///{folder / 'runner.db'}")
    upgrade(engine)
    dispatch = LocalDispatch()
    state = StateManager(
        engine, clock=SystemClock(), dispatch=dispatch, signal=NoSignal(), lease=LEASE
    )
    reads = Reads(engine)
    pool = WorkerPool(
        state=state, reads=reads, model=drafter.settings(), crews=crews, slots=slots, lease=LEASE
    )
    dispatch.bind(pool)
    pool.start()
    try:
        wait_until(
            lambda: len(reads.crew_reports()) == len(crews),
            within=180,
            what="every crew was built once",
        )
        yield Runner(state, reads)
    finally:
        pool.stop(timedelta(seconds=2))
        engine.dispose()
