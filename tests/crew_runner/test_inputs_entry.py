"""`inputs:` of a crew in crews.yml."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

import pytest

from crew_runner.config.registry import load_crews
from storage.definitions import CrewInput, InputType
from tests.crew_runner.test_crews_file import GOOD, refused

HEAD = "crew: shop.crews:PlanCrew"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "crews.yml"


def with_inputs(text: str) -> str:
    return GOOD.replace(HEAD, f"{HEAD}\n    inputs:\n{indent(dedent(text), ' ' * 6)}")


def test_inputs_are_described_by_label_default_choices_type_and_whether_they_are_required(
    file: Path,
) -> None:
    file.write_text(
        with_inputs("""
        topic: {label: "Which topic?"}
        count: {type: number, default: 3}
        tone: {choices: [dry, 2], required: false}
        until: {type: date, default: 2026-05-31}
        tags: {type: json, default: [a, b]}
        current_year: "2026"
        motion: "{request}, seen from {current_year}"
        draft: true
        company:
        """)
    )

    assert load_crews(file)["plan"].inputs == (
        CrewInput("topic", label="Which topic?"),
        CrewInput("count", InputType.NUMBER, default=3),
        CrewInput("tone", InputType.CHOICE, choices=("dry", "2"), required=False),
        CrewInput("until", InputType.DATE, default="2026-05-31"),
        CrewInput("tags", InputType.JSON, default=["a", "b"]),
        CrewInput("current_year", value="2026"),
        CrewInput("motion", value="{request}, seen from {current_year}"),
        CrewInput("draft", value=True),
        CrewInput("company"),
    )


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("topic: {lable: x}", ".topic.lable: is not a known key; did you mean 'label'?"),
        ("topic: {type: int}", ".topic.type: 'int' is not allowed: expected one of text, number"),
        ("topic: {required: often}", ".topic.required: must be true or false"),
        ("topic: {choices: a}", ".topic.choices: must be a list of choices, not the text 'a'"),
        ("topic: {choices: []}", ".topic.choices: is empty: name the choices"),
        ("topic: {choices: [a, a]}", ".topic.choices: names a choice twice"),
        ("topic: {type: choice}", ".topic.choices: is missing: name the choices"),
        ("topic: {type: number, choices: [a]}", ".topic.type: is not allowed together with"),
        (
            "topic: {choices: [a, b], default: c}",
            ".topic.default: does not fit the type: expected one of a, b",
        ),
        ("n: {type: number, default: x}", ".n.default: does not fit the type: expected a number"),
        ("n: {type: date, value: May}", ".n.value: does not fit the type: expected a date"),
        ("topic: {value: a, default: b}", ".topic.default: is not allowed together with 'value'"),
        (
            "topic: {required: true, default: b}",
            ".topic.required: is not allowed together with 'default'",
        ),
        ('topic: "{reqest}"', ".topic.value: {reqest} is not known: expected one of request"),
        ("topic: {default: .nan}", ".topic.default: nan is not allowed"),
        ("two words: x", ": 'two words' is not the name of an input: expected one word"),
        ("7: x", ": 7 is not the name of an input: expected one word"),
    ],
)
def test_a_mistake_is_refused_with_its_place(file: Path, entry: str, message: str) -> None:
    lines = refused(file, with_inputs(entry))

    assert [line for line in lines if line.startswith(f"crews.plan.inputs{message}")], lines


def test_a_list_of_inputs_is_refused(file: Path) -> None:
    text = GOOD.replace(HEAD, f"{HEAD}\n    inputs: [topic]")

    assert refused(file, text) == [
        "crews.plan.inputs: must be a mapping of the inputs' names, not a list"
    ]


def test_names_of_crews_that_differ_only_in_capital_letters_are_refused(file: Path) -> None:
    lines = refused(file, GOOD + GOOD.removeprefix("\ncrews:\n").replace("plan:", "Plan:", 1))

    assert lines == ["crews.Plan: differs from 'plan' only in capital letters: rename one of them"]


def test_the_example_of_the_documentation_is_valid(file: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/crews/inputs.md").read_text(encoding="utf-8")
    file.write_text(page.split("```yaml\n")[1].split("```")[0])

    inputs = {each.name: each for each in load_crews(file)["launch"].inputs}

    assert inputs["tone"] == CrewInput(
        "tone", InputType.CHOICE, default="dry", choices=("dry", "warm", "playful")
    )
    assert inputs["motion"].value == "{request}, as of {current_date}"
