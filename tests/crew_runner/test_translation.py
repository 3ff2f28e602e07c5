"""The records of the child and those of storage have the same fields."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime

import pytest

from crew_runner.child import records as child
from crew_runner.child.monitoring import usage as child_usage
from crew_runner.host.translation import translate
from storage import definitions, records, usage
from storage.records import HELD, TIMEOUT

SAME = [
    (child.PhaseDefinition, definitions.PhaseDefinition),
    (child.Budget, definitions.Budget),
    (child.CrewInput, definitions.CrewInput),
    (child.OutputFile, records.OutputFile),
    (child.TaskResult, records.TaskResult),
    (child.Pause, records.Pause),
    (child.PhaseOutput, records.PhaseOutput),
    (child.Failure, records.Failure),
    (child.Question, records.Question),
    (child.Resume, records.Resume),
]
USAGES: list[records.Usage] = [
    {},
    {"gpt": {"calls": 2, "prompt_tokens": 10, "completion_tokens": 5, "microdollars": 7}},
    {"gpt": {"calls": 1, "prompt_tokens": 3}, "": {"total_tokens": 9, "uncounted_calls": 1}},
    {"own": {"calls": 4, "unpriced_calls": 1, "microdollars": 3}, "gpt": {"calls": -1}},
    {"own": {"total_tokens": 10**18}},
    {"gpt": {"calls": 3, "unpriced_calls": 2}},
    {"gpt": {"calls": 3}},
    {"gpt": {"calls": 10**18, "prompt_tokens": -1}},
    {"own": {"microdollars": -7}},
]


@pytest.mark.parametrize(("ours", "stored"), SAME, ids=lambda kind: kind.__name__)
def test_a_record_has_the_same_fields_on_both_sides(ours: type, stored: type) -> None:
    assert [each.name for each in fields(ours)] == [each.name for each in fields(stored)]


def test_a_phase_output_survives_the_way_to_the_child_and_back() -> None:
    output = records.PhaseOutput(
        "text",
        (records.TaskResult("plan", "Planner", "text", {"raw": ["a", {"b": None}]}),),
        {"gpt": {"calls": 1}},
        records.Pause("review", "Publish?", ("yes", "no"), "no", {"state": {"x": 1}}),
    )

    assert translate(records.PhaseOutput, translate(child.PhaseOutput, output)) == output


@pytest.mark.parametrize("kind", sorted(HELD))
def test_every_kind_of_checkpoint_that_a_child_waits_at_can_be_asked(
    kind: records.CheckpointKind,
) -> None:
    question = child.Question(child.QuestionKind(kind.value), "name", "key", "May it?")

    assert translate(records.Question, question).kind is kind


@pytest.mark.parametrize("action", [records.Action.CONTINUE, definitions.OnTimeout.SKIP])
def test_a_flow_resumes_with_the_decision_of_a_person_or_a_timeout(
    action: records.Action | definitions.OnTimeout,
) -> None:
    feedback = records.Feedback(action, "words", TIMEOUT, datetime.now(UTC), outcome="yes")
    resume = translate(child.Resume, records.Resume(records.Pause("gate"), feedback))

    assert resume.feedback == child.Feedback(child.Action(action.value), "words", "yes")


@pytest.mark.parametrize("first", USAGES)
@pytest.mark.parametrize("second", USAGES)
def test_both_sides_add_up_usage_in_the_same_way(
    first: records.Usage, second: records.Usage
) -> None:
    total = usage.total([first, second])

    assert child_usage.total([first, second]) == total
    for used in (first, total):
        cost = usage.cost(used)
        assert child_usage.tokens(used) == usage.tokens(used)
        assert child_usage.is_lower_bound(used) == usage.is_lower_bound(used)
        assert child_usage.cost(used) == child_usage.Cost(cost.microdollars, cost.unknown)
