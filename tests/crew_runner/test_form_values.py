"""What a reviewer fills in at a checkpoint is an input of the phases after it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from storage.decisions import Decision
from storage.definitions import CrewDefinition, FormField, InputType, Json
from storage.records import Action, Request
from storage.states import ExecutionState
from tests.crew_runner.conftest import RunnerFixture
from tests.crew_runner.harness import ANYBODY, RULE, crew, program

FORM = (
    FormField("budget", "Budget", InputType.NUMBER),
    FormField("place", "Place", InputType.CHOICE, choices=("Lyon", "Porto")),
    FormField("press", "Press", InputType.YES_NO),
    FormField("note", "Note", required=False),
)
FILLED: Mapping[str, Json] = {"budget": "900", "place": "porto", "press": True}


def with_form(definition: CrewDefinition) -> CrewDefinition:
    asking = tuple(replace(c, form=FORM) for c in definition.checkpoints)
    return replace(definition, checkpoints=asking)


def buying(target: str = "asks_for_a_budget") -> CrewDefinition:
    phases = {"plan": ["step_1"], "buy": ["step_2"]}
    return with_form(
        replace(
            crew(target, phases, "plan", rule=RULE, tries=1),
            target=f"tests.crew_runner.input_crews:{target}",
        )
    )


@pytest.fixture(autouse=True)
def nothing_heard(runner: RunnerFixture) -> None:
    (runner.folder / "heard").unlink(missing_ok=True)


def run_with(
    runner: RunnerFixture,
    definition: CrewDefinition,
    values: Mapping[str, Json],
    *,
    action: Action = Action.CONTINUE,
    named: Mapping[str, Json] | None = None,
) -> list[str]:
    """Run to the end with these values. Returns what the model was asked, each as one text."""
    request = Request("a party", named=named or {})
    run = runner.harness.state.start_execution(
        definition=definition, request=request, requester=ANYBODY
    ).id
    checkpoint = runner.harness.checkpoint(run)
    decision = Decision(checkpoint.id, action, ANYBODY, values=values)
    runner.harness.state.decide(decision)
    ended = runner.harness.ended(run)
    assert ended.state is ExecutionState.COMPLETED, runner.harness.story(run)
    lines = (runner.folder / "heard").read_text().splitlines()
    return ["\n".join(json.loads(line)) for line in lines]


def test_the_values_fill_the_placeholders_of_later_phases(runner: RunnerFixture) -> None:
    _plan, buy = run_with(runner, buying(), FILLED)

    assert "Buy for 900 in Porto, press: yes. " in buy
    assert "buyer with 900 euros" in buy


def test_a_skipped_form_leaves_its_placeholders_empty(runner: RunnerFixture) -> None:
    _plan, buy = run_with(runner, buying(), {}, action=Action.SKIP)

    assert "Buy for  in , press: . " in buy


def test_a_reviewers_value_counts_more_than_the_requesters(runner: RunnerFixture) -> None:
    asked = {"budget": 12, "note": "no fireworks"}

    _plan, buy = run_with(runner, buying(), {**FILLED, "budget": 12.5}, named=asked)

    assert "Buy for 12.5 in Porto, press: yes. no fireworks" in buy


def test_a_reviewers_value_counts_more_than_what_before_kickoff_returned(
    runner: RunnerFixture,
) -> None:
    _plan, buy = run_with(runner, buying("prepares_and_asks_for_a_budget"), FILLED)

    assert "Buy for 900 in Porto, press: yes. " in buy


def test_a_program_gets_the_values_as_inputs(runner: RunnerFixture) -> None:
    definition = with_form(program(runner.folder, ["think", "write"], "think"))
    run = runner.harness.start(definition, "phases")
    first = runner.harness.checkpoint(run)
    decision = Decision(first.id, Action.CONTINUE, ANYBODY, values=FILLED)
    runner.harness.state.decide(decision)

    result = runner.harness.ended(run).result

    assert result is not None
    inputs = json.loads(result.output)["inputs"]
    assert [inputs[name] for name in ("budget", "place", "press", "note")] == [
        900,
        "Porto",
        "yes",
        "",
    ]
