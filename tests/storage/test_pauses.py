"""Where a crew asks a person, and who is asked there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from storage import pauses
from storage.definitions import (
    CheckpointDefinition,
    CrewDefinition,
    CrewKind,
    CrewReport,
    DecisionRule,
    Examination,
)

CHANNEL = DecisionRule(("@channel",))
ANA = DecisionRule(("U0ANA",))


def report(
    examination: Examination, problem: str | None = None, phases: tuple[str, ...] = ("write",)
) -> CrewReport:
    return CrewReport("launch", problem, phases, datetime.now(UTC), examination)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        pytest.param(report(Examination(kind="crew")), True, id="no pause"),
        pytest.param(report(Examination(kind="crew", pauses=("after a",))), False, id="a pause"),
        pytest.param(report(Examination()), False, id="a report of an earlier version"),
        pytest.param(
            report(Examination(kind="crew"), phases=()), False, id="tasks that are not known yet"
        ),
        pytest.param(report(Examination(kind="crew"), "cannot be built"), False, id="a problem"),
    ],
)
def test_a_crew_asks_nobody_if_it_was_examined_and_has_no_pause(
    subject: CrewReport, expected: bool
) -> None:
    assert pauses.asks_nobody(subject) is expected


def test_each_place_has_the_rule_of_its_checkpoint_or_gate_and_else_the_crews() -> None:
    definition = CrewDefinition(
        "launch",
        CrewKind.CREW,
        rule=CHANNEL,
        checkpoints=(
            CheckpointDefinition("a", ANA, after="write"),
            CheckpointDefinition("b", ANA, before="send"),
        ),
        gates=(CheckpointDefinition("review", ANA), CheckpointDefinition("pay", ANA)),
    )
    questions = replace(definition, gates=(CheckpointDefinition("question", ANA),))
    places = (
        *("after write", "before send", "after other"),
        *(pauses.gate("review"), pauses.gate("draft"), pauses.tool("pay"), pauses.QUESTION),
    )

    asked = dict(pauses.who_is_asked(definition, Examination(pauses=places)))

    assert {place: approvers[0] for place, approvers in asked.items()} == {
        "after write": "U0ANA",
        "before send": "U0ANA",
        "after other": "@channel",
        "at the gate review": "U0ANA",
        "at the gate draft": "@channel",
        "before each call of pay": "U0ANA",
        "whenever it asks a question": "@channel",
    }
    assert pauses.who_is_asked(questions, Examination(pauses=(pauses.QUESTION,))) == (
        ("whenever it asks a question", ("U0ANA",)),
    )
