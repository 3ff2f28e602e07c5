"""What a reviewer sees of a phase with several tasks."""

from __future__ import annotations

import pytest

from bot.slack.render import outputs
from bot.slack.render.text import length
from storage.records import PhaseOutput, TaskResult


def phase(**tasks: str) -> PhaseOutput:
    results = tuple(TaskResult(task, "Writer", words) for task, words in tasks.items())
    return PhaseOutput(output=results[-1].output, tasks=results)


def test_every_task_of_a_phase_is_shown_under_its_name() -> None:
    shown, clipped = outputs.shown(phase(analyze_sentiment="70 good", trends="bikes"), 1000)

    assert shown == "## analyze sentiment\n\n70 good\n\n## trends\n\nbikes"
    assert not clipped


def test_a_single_task_needs_no_heading() -> None:
    assert outputs.shown(phase(plan="the plan"), 1000) == ("the plan", False)
    assert outputs.whole(phase(plan="the plan")) == "the plan"


@pytest.mark.parametrize("count", [2, 60, 400])
def test_any_number_of_tasks_keeps_to_the_limit(count: int) -> None:
    given = phase(**{f"task_{number}": "long " * 500 for number in range(count)})

    shown, clipped = outputs.shown(given, 1000)

    assert clipped
    assert length(shown) <= 1000
    assert "task 0" in shown


def test_a_long_task_leaves_room_for_the_others_and_takes_what_they_leave() -> None:
    given = phase(first="a " * 5000, second="short", third="b " * 5000)

    shown, clipped = outputs.shown(given, 3000)

    assert clipped
    assert length(shown) <= 3000
    assert "short" in shown
    assert shown.count("a ") > 600
    assert shown.count("b ") > 600
    assert outputs.whole(given).count("a ") == 5000
