"""Which methods of a flow come before another one."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

with warnings.catch_warnings():  # CrewAI's own, at its first import
    warnings.simplefilter("ignore")
    from crewai import Flow

    from crew_runner.child.crewai_internals import definition_of
    from crew_runner.child.failures import CrewProblem
    from crew_runner.child.flows.graph import check_boundaries, methods_before
    from tests.crew_runner.gateless_flows import AlsoAsks, Chooses, Joins, Line


@pytest.mark.parametrize(
    ("flow", "method", "before"),
    [
        (Line, "draft", set()),
        (Line, "polish", {"draft"}),
        (Chooses, "end", {"begin"}),  # behind the router
        (Chooses, "begin", {"begin"}),  # it starts again
        (Joins, "join", {"left", "right"}),
        (Joins, "end", {"join"}),
        (AlsoAsks, "publish", {"review"}),  # by an outcome of a gate
    ],
)
def test_the_methods_before_another(flow: type[Flow[Any]], method: str, before: set[str]) -> None:
    assert methods_before(definition_of(flow()), method) == before


def test_one_boundary_takes_one_checkpoint() -> None:
    with pytest.raises(CrewProblem, match="Keep one of the two"):
        check_boundaries(definition_of(Line()), after=["draft"], before=["polish"])


def test_a_method_that_several_follow_is_a_boundary_of_its_own() -> None:
    check_boundaries(definition_of(Joins()), after=["begin"], before=["left"])
