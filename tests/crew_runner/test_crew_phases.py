"""The names of a crew's tasks, its phases, and where its tasks ask for a person."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import pytest

from crew_runner.child.failures import CrewProblem
from crew_runner.child.records import PhaseDefinition

with warnings.catch_warnings():  # CrewAI's own, at its first import
    warnings.simplefilter("ignore")
    from crewai import Task

    from crew_runner.child.crews.phases import (
        check_human_input,
        check_phases,
        divide,
        human_input_checkpoints,
        split_at_human_input,
        tasks_by_name,
    )

pytestmark = pytest.mark.filterwarnings("ignore")  # what CrewAI warns of is not what is tested


def task(name: str | None = None, *, asks: bool = False, description: str = "Work") -> Task:
    return Task(name=name, description=description, expected_output="a text", human_input=asks)


def tasks(*names: str, asking: Sequence[str] = ()) -> dict[str, Task]:
    return {name: task(name, asks=name in asking) for name in names}


def phase(name: str, *task_names: str) -> PhaseDefinition:
    return PhaseDefinition(name, task_names)


def test_a_task_without_a_name_and_one_whose_name_is_taken_get_their_number() -> None:
    listed = [task("plan"), task(), task("plan")]

    by_name = tasks_by_name(listed)

    assert list(by_name) == ["plan", "task_2", "plan_3"]
    assert [each.name for each in listed] == ["plan", "task_2", "plan_3"]


@pytest.mark.parametrize(
    "phases", [[], [phase("all", "a", "b", "c")], [phase("one", "a"), phase("two", "b", "c")]]
)
def test_phases_that_hold_all_tasks_in_their_order_are_fine(phases: list[PhaseDefinition]) -> None:
    check_phases(phases, ["a", "b", "c"])


@pytest.mark.parametrize(
    ("phases", "problem"),
    [
        ([phase("all", "a", "x", "b", "c")], "does not have: x. It has: a, b, c."),
        ([phase("one", "a")], "No phase .*: b, c."),
        ([phase("one", "b"), phase("two", "a", "c")], "in the order .*: a, b, c."),
        ([phase("one", "a", "b", "c"), phase("two", "c")], "in the order"),
    ],
)
def test_other_phases_are_refused_by_the_names_of_the_tasks(
    phases: list[PhaseDefinition], problem: str
) -> None:
    with pytest.raises(CrewProblem, match=problem):
        check_phases(phases, ["a", "b", "c"])


@pytest.mark.parametrize(
    ("phases", "asking", "cut"),
    [
        ([phase("all", "a", "b", "c")], (), [phase("all", "a", "b", "c")]),
        ([phase("all", "a", "b", "c")], ("c",), [phase("all", "a", "b", "c")]),
        ([phase("all", "a", "b", "c")], ("a",), [phase("all (a)", "a"), phase("all", "b", "c")]),
        (
            [phase("all", "a", "b", "c")],
            ("a", "b"),
            [phase("all (a)", "a"), phase("all (b)", "b"), phase("all", "c")],
        ),
    ],
)
def test_no_phase_goes_on_after_a_task_that_asks_for_a_person(
    phases: list[PhaseDefinition], asking: Sequence[str], cut: list[PhaseDefinition]
) -> None:
    crew = tasks("a", "b", "c", asking=asking)

    assert list(split_at_human_input(phases, crew)) == cut


@pytest.mark.parametrize(
    ("asking", "after", "before", "phases"),
    [
        ((), (), (), [phase("d", "a", "b", "c", "d")]),
        (("b",), (), (), [phase("b", "a", "b"), phase("d", "c", "d")]),
        (("d",), (), (), [phase("d", "a", "b", "c", "d")]),
        ((), ("a",), (), [phase("a", "a"), phase("d", "b", "c", "d")]),
        ((), (), ("c",), [phase("b", "a", "b"), phase("d", "c", "d")]),
        ((), ("b",), ("c",), [phase("b", "a", "b"), phase("d", "c", "d")]),
        ((), (), ("a",), [phase("d", "a", "b", "c", "d")]),
        ((), ("x",), ("y",), [phase("d", "a", "b", "c", "d")]),
        (("a",), ("d",), ("c",), [phase("a", "a"), phase("b", "b"), phase("d", "c", "d")]),
    ],
)
def test_a_crew_without_phases_is_divided_where_a_person_is_asked(
    asking: Sequence[str],
    after: Sequence[str],
    before: Sequence[str],
    phases: list[PhaseDefinition],
) -> None:
    crew = tasks("a", "b", "c", "d", asking=asking)

    assert list(divide(crew, after=after, before=before)) == phases


def test_a_task_that_asks_becomes_a_checkpoint_that_says_what_to_review() -> None:
    crew = {
        "plan": task("plan", asks=True, description="Plan  a trip\nto {town}"),
        "book": task("book"),
    }

    asked = human_input_checkpoints(
        [phase("planning", "plan"), phase("booking", "book")], crew, {"town": "Rome"}
    )

    assert asked == (("plan", "planning", "Review: Plan a trip to Rome"),)


def test_a_placeholder_in_the_request_stays_in_the_question() -> None:
    crew = {"plan": task("plan", asks=True, description="Plan {trip} in {language}")}
    inputs = {"trip": "a tour with {language} guides", "language": "French"}

    asked = human_input_checkpoints([phase("planning", "plan")], crew, inputs)

    assert asked[0][2] == "Review: Plan a tour with {language} guides in French"


def test_a_phase_without_tasks_asks_nothing() -> None:
    crew = {"plan": task("plan", asks=True)}

    asked = human_input_checkpoints([phase("plan", "plan"), phase("after plan")], crew, {})

    assert [name for name, _phase, _description in asked] == ["plan"]


@pytest.mark.parametrize(("length", "shown"), [(120, "x" * 120), (121, "x" * 119 + "…")])
def test_a_long_description_is_cut(length: int, shown: str) -> None:
    crew = {"plan": task("plan", asks=True, description="x" * length)}

    assert (
        human_input_checkpoints([phase("planning", "plan")], crew, {})[0][2] == f"Review: {shown}"
    )


@pytest.mark.parametrize(
    ("asking", "pauses", "heard"),
    [
        ((), (), True),
        (("b",), ("planning",), True),
        (("b",), (), False),
        (("a",), ("planning",), False),
    ],
)
def test_a_run_whose_tasks_ask_where_it_does_not_pause_is_refused(
    asking: Sequence[str], pauses: Sequence[str], heard: bool
) -> None:
    crew = tasks("a", "b", asking=asking)

    try:
        check_human_input(phase("planning", "a", "b"), crew, pauses)
    except CrewProblem as problem:
        assert not heard, problem  # noqa: PT017 whether it raises is what is asked
    else:
        assert heard
