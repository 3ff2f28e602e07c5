"""What is learned about a crew's inputs, and how they reach what builds the crew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from storage.definitions import CrewInput, InputType
from storage.states import ExecutionState
from tests.crew_runner.building.checks import check, definition, run
from tests.crew_runner.conftest import RunnerFixture

CREWS = "tests.crew_runner.building.inputs"
FIELD = ("field", InputType.TEXT, None)

LEARNED: dict[str, list[tuple[Any, ...]]] = {
    "placeholders": [
        ("topic", InputType.TEXT, None),
        ("current_year", InputType.TEXT, None),
        FIELD,
    ],
    "other_syntax": [],
    "main": [
        ("topic", InputType.TEXT, "AI LLMs"),
        ("current_year", InputType.TEXT, None),
        ("field", InputType.TEXT, "science"),
        ("pages", InputType.NUMBER, 3),
        ("sources", InputType.JSON, ["a", "b"]),
    ],
    "flow_with_values": [
        ("topic", InputType.TEXT, "bees"),
        ("tone", InputType.TEXT, "dry"),
        ("due", InputType.DATE, "2031-05-01"),
        ("client", InputType.TEXT, None, (), False),
    ],
    "loaded": [("topic", InputType.TEXT, "bees"), FIELD],
    "function": [
        ("topic", InputType.TEXT, None),
        ("pages", InputType.NUMBER, None),
        ("tone", InputType.CHOICE, "dry", ("dry", "warm")),
        ("length", InputType.CHOICE, "short", ("short", "long")),
        ("illustrated", InputType.YES_NO, True),
        ("due", InputType.DATE, None, (), False),
        FIELD,
    ],
    "async_function": [("topic", InputType.TEXT, "tea"), FIELD],
    "starts": [("motion", InputType.TEXT, None), FIELD],
    "dictionary": [FIELD],
    "one_argument": [("text", InputType.TEXT, None), FIELD],
    "Trip": [
        ("origin", InputType.TEXT, None),
        ("cities", InputType.JSON, None),
        ("interests", InputType.TEXT, "art"),
        FIELD,
    ],
    "WithConstructor": [("company", InputType.TEXT, None), ("market", InputType.TEXT, None)],
    "PostFlow": [
        ("topic", InputType.TEXT, ""),
        ("tone", InputType.CHOICE, "dry", ("dry", "warm")),
        ("words", InputType.NUMBER, 300),
        ("sources", InputType.JSON, []),
        ("publish", InputType.YES_NO, False),
        ("due", InputType.DATE, None),
    ],
    "TriggerFlow": [("topic", InputType.TEXT, "AI Agents"), ("words", InputType.NUMBER, 300)],
    "DictionaryFlow": [
        ("topic", InputType.TEXT, None),
        ("tone", InputType.TEXT, "dry"),
        ("due", InputType.TEXT, None),
    ],
    "flow_main": [
        ("topic", InputType.TEXT, "bees"),
        ("tone", InputType.CHOICE, "dry", ("dry", "warm")),
        ("words", InputType.NUMBER, 50),
        ("sources", InputType.JSON, []),
        ("publish", InputType.YES_NO, False),
        ("due", InputType.DATE, None),
    ],
    "fails_without_inputs": [("when", InputType.TEXT, None)],
}


def learned(
    name: str,
    kind: InputType,
    default: object,
    choices: tuple[str, ...] = (),
    required: bool | None = None,
) -> CrewInput:
    return CrewInput(name, kind, default=default, choices=choices, required=required)


@pytest.fixture(scope="module")
def inputs(runner: RunnerFixture) -> dict[str, tuple[CrewInput, ...]]:
    """What a check of every crew learned; no crew may have failed."""
    reports = check(runner, *(definition(f"{CREWS}:{name}") for name in LEARNED))
    assert [report.problem for report in reports if report.problem] == []
    return {report.crew.partition(":")[2]: report.examination.inputs for report in reports}


@pytest.mark.parametrize("name", LEARNED)
def test_inputs_are_learned_with_types_and_defaults(
    inputs: dict[str, tuple[CrewInput, ...]], name: str
) -> None:
    assert [replace(each, label="") for each in inputs[name]] == [
        learned(*values) for values in LEARNED[name]
    ]


def test_the_title_of_a_states_field_is_its_label(
    inputs: dict[str, tuple[CrewInput, ...]],
) -> None:
    assert inputs["PostFlow"][0].label == "What to write about"


def test_a_crew_that_cannot_be_built_without_its_inputs_says_so_and_can_be_started(
    runner: RunnerFixture,
) -> None:
    crew = definition(f"{CREWS}:fails_without_inputs")
    [report] = check(runner, crew)
    execution = run(runner, crew, values={"when": "2031-05-01", "field": "science"})

    assert report.problem is None
    assert report.examination.notes[0].startswith(
        "The crew's code needs when to build it, so its tasks are not known before it is started."
    )
    assert execution.state is ExecutionState.COMPLETED, execution.error
    assert runner.model.calls[-1].task == "Research 2031-05-01."


def test_a_crew_that_fails_for_another_reason_is_no_crew_without_inputs(
    runner: RunnerFixture,
) -> None:
    [report] = check(runner, definition(f"{CREWS}:fails_anyway"))

    assert report.problem == (
        "The crew cannot be built: LookupError: the price list is missing. It was built with "
        "placeholders for topic: if they are the reason, give them a `default` under `inputs` in "
        "crews.yml."
    )


TASKS = [
    ("main", {"current_year": 2031}, "Research AI LLMs in 2031."),
    ("main", {"current_year": 2031, "topic": "tea"}, "Research tea in 2031."),
    ("loaded", {"field": "trade"}, "Research bees."),
    (
        "function",
        {"topic": "tea", "pages": "4", "tone": "warm", "due": "2031-05-01", "field": "trade"},
        "Research tea on 4 pages, warm, short, 2031-05-01.",
    ),
    ("async_function", {"field": "trade"}, "Research tea."),
    ("starts", {"motion": "more tea", "field": "trade"}, "Debate more tea: MORE TEA."),
    ("dictionary", {"topic": "tea", "field": "trade"}, "Research tea."),
    ("one_argument", {"field": "trade"}, "Summarize harbours."),
    (
        "Trip",
        {"origin": "Kiel", "cities": ["Rome", "Bari"], "field": "trade"},
        "Plan a trip: Kiel, Rome, Bari, art.",
    ),
    ("WithConstructor", {"company": "ACME", "market": "tea"}, "Analyse tea."),
]


@pytest.mark.parametrize(("name", "values", "task"), TASKS)
def test_inputs_reach_the_code_that_builds_the_crew(
    runner: RunnerFixture, name: str, values: dict[str, object], task: str
) -> None:
    execution = run(runner, definition(f"{CREWS}:{name}"), values=values)

    assert execution.state is ExecutionState.COMPLETED, execution.error
    assert runner.model.calls[-1].task == task


def test_a_value_takes_the_type_of_the_default_that_it_replaces(runner: RunnerFixture) -> None:
    crew = definition(f"{CREWS}:flow_with_values")

    execution = run(runner, crew, values={"topic": "tea", "due": "2031-06-01"})

    assert execution.state is ExecutionState.COMPLETED, execution.error
    assert execution.result is not None
    assert execution.result.output == "teadry"


def test_a_missing_argument_is_named_before_any_model_is_asked(runner: RunnerFixture) -> None:
    calls = len(runner.model.calls)

    execution = run(runner, definition(f"{CREWS}:Trip"), values={})

    assert execution.error == (
        "The crew cannot start with these inputs: origin is needed; cities is needed; field is "
        f"needed. Start it again with `/crew {CREWS}:Trip`, which asks for them."
    )
    assert len(runner.model.calls) == calls


def test_defaults_in_crews_yml_build_a_crew_that_is_only_checked(runner: RunnerFixture) -> None:
    when = CrewInput("when", default="2031-05-01")
    [report] = check(runner, definition(f"{CREWS}:fails_without_inputs", inputs=(when,)))

    assert (report.problem, report.phases) == (None, ("research",))
