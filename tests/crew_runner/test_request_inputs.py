"""Inputs of executions that were started before their crew had been examined."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crew_runner.host.request_inputs import inputs_failure, resolve_inputs
from storage.definitions import CrewInput, CrewReport, Examination
from storage.errors import BadInputs
from storage.records import Claim, Request
from tests.crew_runner.claims import a_claim
from tests.support.factories import NOON


def claim_of(request: Request, *, phase: int = 0) -> Claim:
    claim = a_claim(phase=phase)
    return replace(claim, execution=replace(claim.execution, request=request))


def knows(*inputs: CrewInput, kind: str = "crew") -> CrewReport:
    return CrewReport("plan", None, (), NOON, Examination(kind=kind, inputs=inputs))


def not_asked(_claim: Claim) -> CrewReport:
    raise AssertionError("the report is not needed")


def test_an_input_that_is_known_by_now_takes_the_request() -> None:
    claim = resolve_inputs(claim_of(Request("bees")), lambda _: knows(CrewInput("topic")))

    assert claim.execution.request.inputs() == {"topic": "bees"}


def test_a_resolved_request_stays_as_it_is() -> None:
    claim = claim_of(Request("bees", values={"topic": "x"}, resolved=True))

    assert resolve_inputs(claim, not_asked) is claim


@pytest.mark.parametrize("report", [None, knows(CrewInput("topic"), kind="")])
def test_a_crew_of_which_nothing_is_known_gets_what_was_said(report: CrewReport | None) -> None:
    claim = resolve_inputs(claim_of(Request("bees", language="de")), lambda _: report)

    assert claim.execution.request.inputs() == {
        "user_input": "bees",
        "message": "bees",
        "language": "de",
        "output_language": "de",
    }


def test_what_is_missing_is_said_before_the_first_phase_and_never_later() -> None:
    report = knows(CrewInput("topic"), CrewInput("company"))

    with pytest.raises(BadInputs) as refused:
        resolve_inputs(claim_of(Request("bees")), lambda _: report)
    later = claim_of(Request("bees"), phase=1)

    failure = inputs_failure(refused.value)
    assert failure.message == (
        "The crew cannot start with these inputs: topic is needed; company is needed. "
        "Start it again with `/crew plan`, which asks for them."
    )
    assert not failure.retryable
    assert resolve_inputs(later, lambda _: report) == later
