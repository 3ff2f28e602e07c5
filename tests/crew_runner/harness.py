"""A harness that starts executions and decides checkpoints on a database of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from storage.db.database import SystemClock
from storage.decisions import Decision
from storage.definitions import (
    CheckpointDefinition,
    CrewDefinition,
    CrewKind,
    DecisionRule,
    PhaseDefinition,
)
from storage.measurements import Measurement
from storage.ports import Dispatch, NoDispatch, NoSignal
from storage.reads import Reads
from storage.records import Action, Actor, ActorKind, Checkpoint, Execution, PhaseRun, Request
from storage.state_manager import StateManager
from storage.states import ENDED, ExecutionState
from tests.support.processes import wait_until
from tests.support.schema import upgraded

ANYBODY = Actor(ActorKind.API, "desk", decides_everything=True)
RULE = DecisionRule(approvers=("@channel",))
OVER = {*ENDED, ExecutionState.ERROR}
CREWS = "tests.crew_runner.crews"


class RecordingMeter:
    """Keeps all measurements."""

    def __init__(self) -> None:
        self.measurements: list[Measurement] = []

    def record(self, measurements: Sequence[Measurement]) -> None:
        self.measurements += measurements


class Harness:
    """The use cases and reads of one database file."""

    def __init__(
        self,
        path: Path,
        *,
        lease: timedelta = timedelta(seconds=10),
        dispatch: Dispatch | None = None,
    ) -> None:
        self.url = f"sqlite:///{path}"
        self.lease = lease
        engine = upgraded(self.url)
        self.reads = Reads(engine)
        self.meter = RecordingMeter()
        self.state = StateManager(
            engine,
            meter=self.meter,
            clock=SystemClock(),
            dispatch=dispatch or NoDispatch(),
            signal=NoSignal(),
            lease=lease,
            backoff=timedelta(seconds=0.1),
        )

    def start(self, definition: CrewDefinition, subject: str) -> str:
        """The id of the new execution."""
        started = self.state.start_execution(
            definition=definition, request=self.request(subject), requester=ANYBODY
        )
        return started.id

    @staticmethod
    def request(subject: str) -> Request:
        return Request(subject, campaign_context="spring", language="en")

    def checkpoint(self, execution_id: str, *, within: float = 90) -> Checkpoint:
        """Wait for a pending checkpoint and return it."""
        checkpoints: list[Checkpoint] = []

        def waits() -> bool:
            waiting = self.reads.waiting_checkpoint(execution_id)
            checkpoints.extend([waiting] if waiting else [])
            return waiting is not None or self.reads.execution(execution_id).state in OVER

        wait_until(
            waits, within=within, what="a checkpoint", shown=lambda: self.story(execution_id)
        )
        assert checkpoints, self.story(execution_id)
        return checkpoints[0]

    def checkpoint_after(self, decided: Checkpoint) -> Checkpoint:
        """Wait for another pending checkpoint than this one, which the same child may ask."""
        execution_id = decided.execution_id

        def waits() -> bool:
            waiting = self.reads.waiting_checkpoint(execution_id)
            return waiting is not None and waiting.id != decided.id

        wait_until(
            waits, within=90, what="the next checkpoint", shown=lambda: self.story(execution_id)
        )
        return self.checkpoint(execution_id)

    def ended(self, execution_id: str, *, within: float = 90) -> Execution:
        """Wait until the execution has ended or failed, and return it."""
        wait_until(
            lambda: self.reads.execution(execution_id).state in OVER,
            within=within,
            what="the end",
            shown=lambda: self.story(execution_id),
        )
        return self.reads.execution(execution_id)

    def decide(
        self, checkpoint: Checkpoint, action: Action, text: str = "", *tasks: str
    ) -> Execution:
        decision = Decision(checkpoint.id, action, ANYBODY, text=text, tasks=tasks)
        return self.state.decide(decision).execution

    def runs(self, execution_id: str) -> tuple[PhaseRun, ...]:
        return self.reads.phase_runs(execution_id)

    def story(self, execution_id: str) -> str:
        """The state of the execution and its phase runs, for failing tests."""
        execution = self.reads.execution(execution_id)
        runs = [
            f"{r.phase} {r.attempt}/{r.revision} {r.state} {r.error}"
            for r in self.runs(execution_id)
        ]
        return "\n".join([f"{execution.state} {execution.error}", *runs])


def crew(
    target: str, phases: Mapping[str, list[str]] | None = None, *after: str, **more: object
) -> CrewDefinition:
    """A crew of tests.crew_runner.crews, with a checkpoint after each phase named in `after`."""
    return CrewDefinition(
        name=target,
        kind=CrewKind.CREW,
        target=f"{CREWS}:{target}",
        phases=tuple(PhaseDefinition(name, tuple(tasks)) for name, tasks in (phases or {}).items()),
        checkpoints=_after(after),
        **more,  # type: ignore[arg-type] # any other field
    )


def program(folder: Path, phases: list[str], *after: str, **more: object) -> CrewDefinition:
    """tests/crew_runner/program.py as a command crew."""
    return CrewDefinition(
        name="program",
        kind=CrewKind.COMMAND,
        command=("python", str(Path(__file__).with_name("program.py"))),
        env={"IDS": str(folder / "ids"), "GO": str(folder / "go")},
        phases=tuple(PhaseDefinition(name) for name in phases),
        checkpoints=_after(after),
        **more,  # type: ignore[arg-type] # any other field
    )


def _after(phases: tuple[str, ...]) -> tuple[CheckpointDefinition, ...]:
    return tuple(CheckpointDefinition(f"after_{name}", RULE, after=name) for name in phases)


def read_ids(path: Path) -> list[int]:
    """Wait for the process ids that a crew records, and return them."""
    wait_until(path.exists, within=60, what=f"{path.name} is written")
    ids: list[int] = json.loads(path.read_text())
    return ids


def conversations(folder: Path, subject: str) -> list[list[str]]:
    """The conversations of the scribe about a subject."""
    return [json.loads(line) for line in (folder / f"{subject}.asked").read_text().splitlines()]
