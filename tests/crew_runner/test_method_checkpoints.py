"""Checkpoints of crews.yml at the methods of a flow that has no gate of its own."""

from __future__ import annotations

from dataclasses import replace

from storage.definitions import CheckpointDefinition, CrewDefinition
from storage.records import Action, CheckpointKind
from storage.states import ExecutionState
from tests.crew_runner.conftest import RunnerFixture
from tests.crew_runner.harness import RULE, conversations, crew
from tests.crew_runner.test_flows import result, steps


def after(method: str, name: str = "check") -> CheckpointDefinition:
    return CheckpointDefinition(name, RULE, after=method)


def before(method: str, name: str = "guard") -> CheckpointDefinition:
    return CheckpointDefinition(name, RULE, before=method)


def flow(name: str, *checkpoints: CheckpointDefinition, **more: object) -> CrewDefinition:
    target = f"tests.crew_runner.gateless_flows:{name}"
    definition = replace(crew(name), target=target, checkpoints=checkpoints)
    return replace(definition, **more)  # type: ignore[arg-type] # any field


def names_of(steps_taken: list[tuple[str, str]]) -> list[str]:
    return [name for _process, name in steps_taken]


def test_a_flow_pauses_after_the_method_and_goes_on_with_its_result_unchanged(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(flow("Line", after("draft")), "oak")
    checkpoint = runner.harness.checkpoint(run)
    assert (checkpoint.kind, checkpoint.name) == (CheckpointKind.GATE, "check")
    assert checkpoint.output.output == "answer 1"
    assert names_of(steps(runner.folder, "oak")) == ["draft"]
    runner.harness.decide(checkpoint, Action.CONTINUE)

    assert result(runner.harness, run) == "sent: polished: answer 1 (1, 1)"
    taken = steps(runner.folder, "oak")
    assert names_of(taken) == ["draft", "polish", "send"]
    assert taken[0][0] != taken[1][0]  # in another process


def test_revise_runs_the_method_again_with_the_words_and_the_state_of_before(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(flow("Line", after("draft")), "elm")
    runner.harness.decide(runner.harness.checkpoint(run), Action.REVISE, "shorter, please")
    again = runner.harness.checkpoint(run)
    assert (again.revision, again.asked) == (2, "shorter, please")
    assert again.output.output == "answer 2"
    assert again.output.revised
    runner.harness.decide(again, Action.CONTINUE)

    assert result(runner.harness, run) == "sent: polished: answer 2 (1, 1)"
    first, second = conversations(runner.folder, "elm")
    assert not any("shorter, please" in message for message in first)
    assert any("shorter, please" in message for message in second)


def test_before_a_method_nothing_of_it_has_happened_and_stop_leaves_it_so(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(flow("Line", before("send")), "ash")
    checkpoint = runner.harness.checkpoint(run)
    assert checkpoint.output.output == "polished: answer 1 (1, 1)"
    runner.harness.decide(checkpoint, Action.STOP)

    assert runner.harness.ended(run).state is ExecutionState.STOPPED
    assert names_of(steps(runner.folder, "ash")) == ["draft", "polish"]
