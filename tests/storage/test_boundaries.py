"""Which checkpoint comes after which phase, and which definitions are refused."""

from __future__ import annotations

import pytest

from storage.boundaries import (
    BadBoundary,
    at_methods,
    checkpoint_after,
    name_at_method,
    resolve,
    resolve_tasks,
)
from storage.definitions import (
    CheckpointDefinition,
    CrewDefinition,
    CrewKind,
    PhaseDefinition,
)
from storage.records import Pause
from tests.support.factories import rule

PHASES = ("planning", "analysis", "finalization")


def at(name: str, *, after: str | None = None, before: str | None = None) -> CheckpointDefinition:
    return CheckpointDefinition(name, rule("UBEN"), after, before, f"Review {name}")


def test_before_a_phase_means_after_the_one_before_it() -> None:
    resolved = resolve([at("review", before="finalization")], PHASES)

    assert resolved == (at("review", after="analysis"),)


def test_checkpoints_come_in_the_order_of_their_phases() -> None:
    checkpoints = [
        at("last", after="finalization"),
        at("first", after="planning"),
        at("middle", before="finalization"),
    ]

    assert [c.name for c in resolve(checkpoints, PHASES)] == ["first", "middle", "last"]


@pytest.mark.parametrize(
    ("checkpoints", "problem"),
    [
        ([at("a", after="lunch")], "checkpoint 'a' names phase 'lunch', which is not one of: plan"),
        ([at("a", before="lunch")], "checkpoint 'a' names phase 'lunch'"),
        ([at("a")], "checkpoint 'a' names phase ''"),
        ([at("a", before="planning")], "checkpoint 'a' is before the first phase 'planning'"),
        (
            [at("a", after="planning"), at("b", before="analysis")],
            "checkpoints 'a' and 'b' are both after phase 'planning'",
        ),
        (
            [at("a", after="analysis"), at("b", after="analysis")],
            "checkpoints 'a' and 'b' are both after phase 'analysis'",
        ),
    ],
)
def test_an_impossible_boundary_is_refused_with_its_name(
    checkpoints: list[CheckpointDefinition], problem: str
) -> None:
    with pytest.raises(BadBoundary, match=problem):
        resolve(checkpoints, PHASES)


@pytest.mark.parametrize(("index", "name"), [(0, "first"), (1, None), (2, "last")])
def test_a_phase_ends_at_its_own_checkpoint_or_at_none(index: int, name: str | None) -> None:
    checkpoints = [at("last", after="finalization"), at("first", before="analysis")]

    checkpoint = checkpoint_after(checkpoints, PHASES, index)

    assert (None if checkpoint is None else checkpoint.name) == name


TASKS = (PhaseDefinition("sort", ("ask", "sort")), PhaseDefinition("tell", ("check", "tell")))


@pytest.mark.parametrize(
    ("checkpoint", "phase"),
    [
        (at("a", after="sort"), "sort"),
        (at("a", before="check"), "sort"),
        (at("a", after="tell"), "tell"),
    ],
)
def test_a_checkpoint_at_a_task_is_after_the_phase_that_ends_there(
    checkpoint: CheckpointDefinition, phase: str
) -> None:
    assert [c.after for c in resolve_tasks([checkpoint], TASKS)] == [phase]


@pytest.mark.parametrize(
    ("checkpoints", "problem"),
    [
        ([at("a", after="way")], "names phase 'way', which is not one of: ask, sort, check, tell"),
        ([at("a", before="ask")], "is before the first phase 'ask'"),
        ([at("a", after="sort"), at("b", before="check")], "are both after phase 'sort'"),
        ([at("a", after="ask")], "'a' is after task 'ask', in the middle of a phase"),
    ],
)
def test_an_impossible_task_is_refused_with_its_name(
    checkpoints: list[CheckpointDefinition], problem: str
) -> None:
    with pytest.raises(BadBoundary, match=problem):
        resolve_tasks(checkpoints, TASKS)


def test_a_crew_without_tasks_has_checkpoints_at_its_phases() -> None:
    flow = [PhaseDefinition("start")]

    assert resolve_tasks([at("a", after="start")], flow) == (at("a", after="start"),)


METHODS = ("draft", "polish", "send")


def a_flow(*checkpoints: CheckpointDefinition, gate: str = "question") -> CrewDefinition:
    return CrewDefinition(
        "post",
        CrewKind.CREW,
        checkpoints=checkpoints,
        gates=(CheckpointDefinition(gate, rule("UBEN")),),
    )


def test_the_checkpoints_of_a_flow_are_gates_at_its_methods() -> None:
    definition = a_flow(at("check", after="draft"), at("guard", before="send"))

    resolved = at_methods(definition, METHODS)

    assert resolved.checkpoints == ()
    assert [gate.name for gate in resolved.gates] == ["check", "guard", "question"]
    assert at_methods(resolved, METHODS) == resolved
    assert name_at_method(resolved, Pause("send", at="before")) == "guard"
    assert name_at_method(resolved, Pause("polish", at="after")) == "polish"
    assert name_at_method(resolved, Pause("draft")) == "draft"  # a gate of the flow's own


@pytest.mark.parametrize(
    ("definition", "problem"),
    [
        (a_flow(at("a", before="lunch")), "checkpoint 'a' names method 'lunch', which the flow"),
        (a_flow(at("a", after="lunch")), "its methods are: draft, polish, send"),
        (
            a_flow(at("a", after="draft"), at("b", after="draft")),
            "checkpoints 'a' and 'b' are both after method 'draft'",
        ),
        (a_flow(at("a", after="draft"), gate="draft"), "'a' and 'draft' are both after"),
    ],
)
def test_checkpoints_that_do_not_fit_a_flow_are_refused(
    definition: CrewDefinition, problem: str
) -> None:
    with pytest.raises(BadBoundary, match=problem):
        at_methods(definition, METHODS)
