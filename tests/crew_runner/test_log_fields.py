"""The log holds facts of ours about a phase, and no text of a crew or a person."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crew_runner.host.child_supervisor import Interrupted, Outcome
from crew_runner.host.log_fields import claim_fields, outcome_name
from storage.records import Failure, PhaseOutput
from tests.crew_runner.claims import a_claim


def test_a_phase_is_logged_by_where_it_stands() -> None:
    claim = a_claim(phase=1)
    claim = replace(claim, run=replace(claim.run, attempt=2, revision=3))

    assert claim_fields(claim) == {
        "execution": "1a2b3c4d",
        "crew": "plan",
        "phase": "analysis",
        "attempt": 2,
        "revision": 3,
    }


@pytest.mark.parametrize(
    ("outcome", "name"),
    [
        (PhaseOutput("secret plans"), "PhaseOutput"),
        (Failure("secret plans"), "Failure"),
        (Interrupted.LOST, "lost"),
        (Interrupted.STOPPING, "stopping"),
    ],
)
def test_an_outcome_is_logged_by_its_kind(outcome: Outcome, name: str) -> None:
    assert outcome_name(outcome) == name
