"""Storage alone, one thread: claim a phase run, commit its output, decide its checkpoint."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import event

from storage.db.database import SystemClock, upgrade
from storage.db.engines import open_engine
from storage.decisions import Decision
from storage.ports import NoDispatch, NoSignal
from storage.reads import Reads
from storage.records import Action, Claim, Execution
from storage.state_manager import StateManager
from storage.states import ExecutionState
from tests.bench.disk import Disk
from tests.bench.figures import Figure, Result, median, per_second, ratio, spread
from tests.support.factories import ANA, asking, crew, output

PHASES = ("planning", "analysis", "strategy", "finalization")
DRAFT = "A paragraph of a draft, as a reviewer would read it on a phone. " * 60
COMMITS_A_CYCLE = 3
"""Where a worker of another process claims; one that is free beside the decision needs two."""

T = TypeVar("T")


class Cycles:
    """Executions with a thread in Slack, driven like workers and reviewers do, and timed."""

    def __init__(self, state: StateManager, reads: Reads) -> None:
        self._state = state
        self._reads = reads
        self.claims: list[float] = []
        self.hand_ins: list[float] = []
        self.decisions: list[float] = []

    def start(self, count: int) -> None:
        definition = crew(phases=PHASES, after=PHASES[:-1])
        for _ in range(count):
            self._state.start_execution(
                definition=definition, request=asking(), requester=ANA, channel="CCAMPAIGNS"
            )

    def turn(self) -> float:
        """Run one cycle; return the seconds that it took."""
        claim = self._claimed()
        after = self._timed(
            self.hand_ins, lambda: self._state.phase_done(claim, output(DRAFT, tasks=("task",)))
        )
        decision = self._approval(after)
        self._timed(self.decisions, lambda: self._state.decide(decision))
        return self.claims[-1] + self.hand_ins[-1] + self.decisions[-1]

    def through(self) -> list[float]:
        """Run one execution to its end; return the seconds of its cycles.

        The phase run that a decision queued is claimed first, so all cycles are of this execution.
        """
        took = [self.turn() for _ in PHASES[:-1]]
        claim = self._state.claim("worker")
        assert claim is not None, "no phase run was due"
        ended = self._state.phase_done(claim, output(DRAFT, tasks=("task",)))
        assert ended.state is ExecutionState.COMPLETED
        return took

    def _claimed(self) -> Claim:
        claim = self._timed(self.claims, lambda: self._state.claim("worker"))
        assert claim is not None, "no phase run was due"
        return claim

    def _approval(self, execution: Execution) -> Decision:
        checkpoint = self._reads.waiting_checkpoint(execution.id)
        assert checkpoint is not None, "no checkpoint is waiting"
        return Decision(checkpoint.id, Action.CONTINUE, ANA)

    @staticmethod
    def _timed(samples: list[float], act: Callable[[], T]) -> T:
        began = time.perf_counter()
        result = act()
        samples.append(time.perf_counter() - began)
        return result


def statements_of_a_cycle(folder: Path) -> list[str]:
    """The statements that one cycle sends to the database, including BEGIN and COMMIT."""
    sent: list[str] = []

    def listen(connection: sqlite3.Connection, _record: object) -> None:
        connection.set_trace_callback(sent.append)

    with storage_in(folder, name="counted.db", connected=listen) as cycles:
        cycles.start(1)
        cycles.turn()  # the first one claims a run that was only started
        sent.clear()
        cycles.turn()
    begin = sent.index("BEGIN")  # the benchmark's own read of what is waiting
    del sent[begin : begin + 3]
    return sent


@contextmanager
def storage_in(
    folder: Path,
    *,
    name: str = "cycles.db",
    connected: Callable[[sqlite3.Connection, object], None] | None = None,
) -> Iterator[Cycles]:
    engine = open_engine(f"sqlite:///{folder / name}")
    if connected is not None:
        event.listen(engine, "connect", connected)
    upgrade(engine)
    state = StateManager(engine, clock=SystemClock(), dispatch=NoDispatch(), signal=NoSignal())
    try:
        yield Cycles(state, Reads(engine))
    finally:
        engine.dispose()


def measure(folder: Path, *, rounds: int = 8, executions: int = 20) -> Result:
    """Each round takes `executions` through their three checkpoints, then measures the disk."""
    disk = Disk(folder)
    sent = statements_of_a_cycle(folder)
    rates, limits, commits = [], [], []
    with storage_in(folder) as cycles:
        cycles.start(1)
        cycles.through()
        for samples in (cycles.claims, cycles.hand_ins, cycles.decisions):
            samples.clear()
        for _ in range(rounds):
            cycles.start(executions)
            turns = [took for _ in range(executions) for took in cycles.through()]
            rates.append(len(turns) / sum(turns))
            took = disk.commits(len(turns))
            commits.extend(took)
            limits.append(len(took) / sum(took))
    return Result(
        name="cycles",
        about="storage, one thread: claim → phase_done → decide, against the disk's own commits",
        samples=len(cycles.decisions),
        figures=(
            per_second("cycles", median(rates)),
            Figure("statements a cycle", len(sent), "/cycle"),
            Figure("commits a cycle", sent.count("COMMIT"), "/cycle"),
            per_second("durable commits of the disk", median(limits)),
            ratio(
                "cycles, of what the disk allows at three commits each",
                median(
                    [
                        rate * COMMITS_A_CYCLE / limit
                        for rate, limit in zip(rates, limits, strict=True)
                    ]
                ),
                1,
            ),
            *spread("claim", cycles.claims),
            *spread("phase_done", cycles.hand_ins),
            *spread("decide", cycles.decisions),
            *spread("a commit of the disk", commits),
        ),
    )
