"""What the runner adds to a phase: children, leases, records, against a kickoff with none of it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from crew_runner.environment import SILENT_CREWAI
from crew_runner.models.drafter.server import OfflineDrafter
from crew_runner.models.environment import settings_to_env
from crew_runner.queues.local import LocalDispatch
from crew_runner.registry import load_crews
from crew_runner.worker import WorkerPool
from storage.database import SystemClock, open_engine, upgrade
from storage.definitions import CrewDefinition
from storage.ports import NoSignal
from storage.reads import Reads
from storage.state_manager import StateManager
from storage.states import ExecutionState
from tests.bench.crews import write_crews
from tests.bench.figures import Figure, Result, median, milliseconds, ratio
from tests.support.factories import ANA, asking
from tests.support.processes import ROOT, clean_environment, wait_until

LEASE = timedelta(seconds=30)
Bare = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Runner:
    """The worker pool of one slot over a database of its own."""

    state: StateManager
    reads: Reads

    def run(self, definition: CrewDefinition) -> list[float]:
        """An execution from start to end: for each phase, the seconds from the commit that
        queued it to the one that stored its output."""
        execution_id = self.state.start_execution(
            definition=definition, request=asking(), requester=ANA, checkpoints=()
        ).id
        wait_until(
            lambda: (
                self.reads.execution(execution_id).state is not ExecutionState.PENDING
                and self.reads.execution(execution_id).state is not ExecutionState.RUNNING
            ),
            within=60,
            what="the execution ends",
        )
        ended = self.reads.execution(execution_id)
        assert ended.state is ExecutionState.COMPLETED, ended.error
        return [
            (run.ended_at - run.created_at).total_seconds()
            for run in self.reads.phase_runs(execution_id)
            if run.ended_at is not None
        ]


def measure(
    folder: Path, *, rounds: int = 10, kinds: tuple[str, ...] = ("program", "crew")
) -> Result:
    """Each round takes one execution through the runner, and does the same work without it."""
    figures: list[Figure] = []
    phases = 0
    with ExitStack() as stack:
        place = Path(stack.enter_context(TemporaryDirectory(dir=folder)))
        drafter = stack.enter_context(OfflineDrafter())
        crews: dict[str, CrewDefinition] = {}
        bares: dict[str, Bare] = {}
        if "program" in kinds:
            crews["program"] = _program_crew(place)
            bares["program"] = partial(_run_program, place)
        if "crew" in kinds:
            crews["crew"] = load_crews(ROOT / "crews.yml")["plan"]
            bares["crew"] = stack.enter_context(_bare_crew(place, drafter))
        runner = stack.enter_context(_runner(place, crews, drafter))
        for kind in kinds:
            counted, kind_figures = _compare(runner, kind, crews[kind], bares[kind], rounds)
            phases += counted
            figures += kind_figures
    return Result(
        name="phase-cost",
        about="the runner's cost a phase over the same work without it, warm, one slot",
        samples=phases,
        figures=tuple(figures),
    )


def _compare(
    runner: Runner, kind: str, definition: CrewDefinition, bare: Bare, rounds: int
) -> tuple[int, list[Figure]]:
    runner.run(definition)
    bare()
    ran, kicked_off = [], []
    phases = 0
    for _ in range(rounds):
        took = runner.run(definition)
        phases += len(took)
        ran.append(sum(took))
        kicked_off.append(bare())
    per_phase = phases / rounds
    without = {"program": "the program itself", "crew": "bare Crew.kickoff"}[kind]
    return phases, [
        milliseconds(f"{kind}: a phase through the runner", median(ran) / per_phase),
        milliseconds(f"{kind}: {without}, a phase's share", median(kicked_off) / per_phase),
        milliseconds(
            f"{kind}: cost a phase",
            median([with_ - alone for with_, alone in zip(ran, kicked_off, strict=True)])
            / per_phase,
        ),
        ratio(f"{kind}: through the runner to without", median(ran), median(kicked_off)),
    ]


@contextmanager
def _runner(
    folder: Path, crews: dict[str, CrewDefinition], drafter: OfflineDrafter
) -> Iterator[Runner]:
    engine = open_engine(f"sqlite:///{folder / 'runner.db'}")
    upgrade(engine)
    dispatch = LocalDispatch()
    state = StateManager(
        engine, clock=SystemClock(), dispatch=dispatch, signal=NoSignal(), lease=LEASE
    )
    reads = Reads(engine)
    pool = WorkerPool(
        state=state, reads=reads, model=drafter.settings(), crews=crews, slots=1, lease=LEASE
    )
    dispatch.bind(pool)
    pool.start()
    try:
        wait_until(
            lambda: len(reads.crew_reports()) == len(crews),
            within=60,
            what="every crew was built once",
        )
        yield Runner(state, reads)
    finally:
        pool.stop(timedelta(seconds=2))
        engine.dispose()


# --- the same work without the runner -----------------------------------------------------------


def _program_crew(folder: Path) -> CrewDefinition:
    definition = load_crews(write_crews(folder, ["program"]))["program"]
    return replace(definition, cwd=str(folder))


def _run_program(folder: Path) -> float:
    began = time.perf_counter()
    for phase in ("first", "second"):
        subprocess.run(
            [sys.executable, "program.py"],
            input=json.dumps({"phase": phase}),
            cwd=folder,
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=True,
        )
    return time.perf_counter() - began


@contextmanager
def _bare_crew(folder: Path, drafter: OfflineDrafter) -> Iterator[Bare]:
    """The shipped crew in a process that has built and run it before."""
    environment = clean_environment(
        **SILENT_CREWAI, **settings_to_env(drafter.settings()), CREWAI_STORAGE_DIR=str(folder)
    )
    inputs = json.dumps(asking().inputs()) + "\n"
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.bare"],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def kick_off() -> float:
            stdin.write(inputs)
            stdin.flush()
            said = next(line for line in stdout if line.startswith("took "))
            return float(said.split()[1])

        try:
            yield kick_off
        finally:
            process.kill()
