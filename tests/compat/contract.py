"""What a project's crew must be able to do, under whatever CrewAI it has."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from crew_runner.host.worker import WorkerPool
from crew_runner.queues.local import LocalDispatch
from storage.decisions import Decision
from storage.definitions import (
    CheckpointDefinition,
    CrewDefinition,
    CrewKind,
    DecisionRule,
    Limits,
    PhaseDefinition,
)
from storage.records import Action, Execution
from storage.states import ExecutionState
from tests.crew_runner.harness import ANYBODY, Harness
from tests.support.drafter import WatchedDrafter

PROJECT: Final = Path(__file__).with_name("project")
_RULE: Final = DecisionRule(approvers=("@channel",))


@dataclass(frozen=True, slots=True)
class Contract:
    """A pool whose crews run in one environment. `folder` is where they write."""

    harness: Harness
    pool: WorkerPool
    folder: Path
    python: Path

    def crew(
        self, target: str, phases: Mapping[str, list[str]] | None = None, **more: object
    ) -> CrewDefinition:
        return CrewDefinition(
            name=target.partition(":")[2],
            kind=CrewKind.CREW,
            target=target,
            project=str(self.folder / "project"),
            python=str(self.python),
            phases=tuple(PhaseDefinition(name, tuple(to)) for name, to in (phases or {}).items()),
            rule=_RULE,
            tries=1,
            **more,  # type: ignore[arg-type] # any other field
        )

    def start(self, definition: CrewDefinition) -> str:
        for name in ("conversations", "letters"):
            (self.folder / name).unlink(missing_ok=True)
        return self.harness.start(definition, "otters")

    def completed(self, execution_id: str) -> Execution:
        ended = self.harness.ended(execution_id)
        assert ended.state is ExecutionState.COMPLETED, ended.error
        return ended

    def approve(self, execution_id: str, action: Action = Action.CONTINUE, text: str = "") -> str:
        """Decide the next checkpoint; return its name."""
        checkpoint = self.harness.checkpoint(execution_id)
        self.harness.decide(checkpoint, action, text)
        return checkpoint.name

    @property
    def conversations(self) -> list[str]:
        lines = (self.folder / "conversations").read_text().splitlines()
        return ["\n".join(json.loads(line)) for line in lines]


@contextmanager
def contract_in(folder: Path, python: Path) -> Iterator[Contract]:
    (folder / "project").symlink_to(PROJECT)
    dispatch = LocalDispatch()
    harness = Harness(folder / "compat.db", lease=timedelta(seconds=60), dispatch=dispatch)
    with pytest.MonkeyPatch.context() as environment, WatchedDrafter() as model:
        path = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))
        environment.setenv("PYTHONPATH", path)
        pool = WorkerPool(
            state=harness.state,
            reads=harness.reads,
            model=model.settings(),
            crews={},
            slots=1,
            lease=timedelta(seconds=60),
            environment={"COMPAT_FOLDER": str(folder)},
        )
        dispatch.bind(pool)
        pool.start()
        try:
            yield Contract(harness, pool, folder, python)
        finally:
            pool.stop(timedelta(seconds=4))


# --- the features ----------------------------------------------------------------------------


def runs_a_crew(contract: Contract) -> None:
    phases = {"first": ["plan"], "second": ["write"]}
    checkpoint = CheckpointDefinition("look", _RULE, after="first")
    crew = contract.crew("compat_crews:two_tasks", phases, checkpoints=(checkpoint,))
    started = contract.start(crew)
    contract.approve(started)
    ended = contract.completed(started)
    assert ended.result is not None
    assert ended.result.output == "answer 2"
    assert "answer 1" in contract.conversations[1]
    assert len(contract.conversations) == 2


def revises(contract: Contract) -> None:
    phases = {"first": ["plan"], "second": ["write"]}
    checkpoint = CheckpointDefinition("look", _RULE, after="first")
    crew = contract.crew("compat_crews:two_tasks", phases, checkpoints=(checkpoint,))
    started = contract.start(crew)
    contract.approve(started, Action.REVISE, "Say it louder.")
    checkpoint_of_revision = contract.harness.checkpoint(started)
    assert checkpoint_of_revision.output is not None
    assert checkpoint_of_revision.output.output == "answer 2"
    contract.approve(started)
    contract.completed(started)
    assert "answer 1" in contract.conversations[1]
    assert "Say it louder." in contract.conversations[1]
    assert "answer 2" in contract.conversations[2]


def asks_for_human_input(contract: Contract) -> None:
    started = contract.start(contract.crew("compat_crews:asking"))
    assert contract.approve(started) == "plan"
    contract.completed(started)
    assert len(contract.conversations) == 2


def asks_before_a_tool(contract: Contract) -> None:
    crew = contract.crew("compat_crews:with_tool", approve_tools=("send_letter",))
    started = contract.start(crew)
    assert contract.approve(started) == "send_letter"
    contract.completed(started)
    assert (contract.folder / "letters").read_text() == "Dear all\n"


def uses_a_tool(contract: Contract) -> None:
    contract.completed(contract.start(contract.crew("compat_crews:with_tool")))
    assert (contract.folder / "letters").read_text() == "Dear all\n"


def counts_usage(contract: Contract) -> None:
    started = contract.start(contract.crew("compat_crews:with_named_model"))
    contract.completed(started)
    [run] = contract.harness.runs(started)
    [counts] = run.usage.values()
    assert counts["calls"] == 1
    assert counts["prompt_tokens"] > 0
    assert counts["completion_tokens"] > 0


def limits_calls(contract: Contract) -> None:
    crew = contract.crew("compat_crews:two_tasks", limits=Limits(model_calls=0))
    started = contract.start(crew)
    ended = contract.harness.ended(started)
    assert ended.error is not None
    assert "its limit of 0" in ended.error


def runs_a_flow(contract: Contract) -> None:
    ended = contract.completed(contract.start(contract.crew("compat_flows:Plain")))
    assert ended.result is not None
    assert ended.result.output == "begun and ended"


def pauses_at_a_gate(contract: Contract) -> None:
    started = contract.start(contract.crew("compat_gates:Gated"))
    contract.approve(started, Action.REVISE, "Shorter.")
    ended = contract.completed(started)
    assert ended.result is not None
    assert ended.result.output == "a draft, with: Shorter."


def follows_an_outcome(contract: Contract) -> None:
    started = contract.start(contract.crew("compat_gates:Chosen"))
    checkpoint = contract.harness.checkpoint(started)
    decision = Decision(checkpoint.id, Action.CONTINUE, ANYBODY, outcome="good")
    contract.harness.state.decide(decision)
    ended = contract.completed(started)
    assert ended.result is not None
    assert ended.result.output == "published"


FEATURES: Final[Mapping[str, Callable[[Contract], None]]] = {
    "crew": runs_a_crew,
    "revise": revises,
    "human_input": asks_for_human_input,
    "tools": uses_a_tool,
    "approve_tools": asks_before_a_tool,
    "usage": counts_usage,
    "model_calls": limits_calls,
    "flow": runs_a_flow,
    "flow gate": pauses_at_a_gate,
    "outcomes": follows_an_outcome,
}
