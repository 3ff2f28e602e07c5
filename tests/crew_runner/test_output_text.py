"""What a flow's method gave is shown as text, and as JSON if it has a structure."""

from __future__ import annotations

import warnings
from datetime import date
from enum import Enum

import pytest
from pydantic import BaseModel

with warnings.catch_warnings():  # CrewAI's own, at its first import
    warnings.simplefilter("ignore")
    from crewai import CrewOutput, TaskOutput
    from crewai.flow.human_feedback import HumanFeedbackResult

    from crew_runner.child.output_text import text_of


class Verdict(Enum):
    GOOD = "good"


class Offer(BaseModel):
    town: str
    until: date


OFFER = Offer(town="Köln", until=date(2026, 3, 2))
TASK = TaskOutput(description="", raw="A plan.", agent="Planner")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("# A plan\n", "# A plan\n"),
        (None, ""),
        (42, "42"),
        (False, "False"),
        (Verdict.GOOD, "good"),
        (TASK, "A plan."),
        (CrewOutput(raw="The whole plan.", tasks_output=[TASK]), "The whole plan."),
        (HumanFeedbackResult(output="A draft.", feedback="ok"), "A draft."),
        (HumanFeedbackResult(output=Verdict.GOOD, feedback="ok"), "good"),
        (["a", 1], '[\n  "a",\n  1\n]'),
        ((), "[]"),
        (OFFER, '{\n  "town": "Köln",\n  "until": "2026-03-02"\n}'),
        (
            {"offer": OFFER},
            '{\n  "offer": {\n    "town": "Köln",\n    "until": "2026-03-02"\n  }\n}',
        ),
    ],
)
def test_a_persons_text_is_left_and_structure_is_shown_as_json(given: object, shown: str) -> None:
    assert text_of(given) == shown


def test_what_json_does_not_know_is_shown_as_its_own_text() -> None:
    class Own:
        def __str__(self) -> str:
            return "an own thing"

    assert text_of({"it": Own()}) == '{\n  "it": "an own thing"\n}'
