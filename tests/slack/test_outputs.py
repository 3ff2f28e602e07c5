"""What a reviewer sees of a phase's output, with one task or several."""

from __future__ import annotations

import pytest

from bot.slack.render import outputs
from bot.slack.render.text import length
from storage.records import PhaseOutput, TaskResult


def phase(**tasks: str) -> PhaseOutput:
    results = tuple(TaskResult(task, "Writer", text) for task, text in tasks.items())
    return PhaseOutput(output=results[-1].output, tasks=results)


def test_every_task_of_a_phase_is_shown_under_its_name() -> None:
    excerpt, clipped = outputs.excerpt(phase(analyze_sentiment="70 good", trends="bikes"), 1000)

    assert excerpt == "## analyze sentiment\n\n70 good\n\n## trends\n\nbikes"
    assert not clipped


def test_a_single_task_needs_no_heading() -> None:
    assert outputs.excerpt(phase(plan="the plan"), 1000) == ("the plan", False)
    assert outputs.full_text(phase(plan="the plan")) == "the plan"


@pytest.mark.parametrize("count", [2, 60, 400])
def test_any_number_of_tasks_keeps_to_the_limit(count: int) -> None:
    output = phase(**{f"task_{number}": "long " * 500 for number in range(count)})

    excerpt, clipped = outputs.excerpt(output, 1000)

    assert clipped
    assert length(excerpt) <= 1000
    assert "task 0" in excerpt


def test_a_long_task_leaves_room_for_the_others_and_takes_what_they_leave() -> None:
    output = phase(first="a " * 5000, second="short", third="b " * 5000)

    excerpt, clipped = outputs.excerpt(output, 3000)

    assert clipped
    assert length(excerpt) <= 3000
    assert "short" in excerpt
    assert excerpt.count("a ") > 600
    assert excerpt.count("b ") > 600
    assert outputs.full_text(output).count("a ") == 5000


def typed(text: str, structured: str) -> PhaseOutput:
    return PhaseOutput(text, (TaskResult("count", "Clerk", text, structured=structured),))


def test_a_structure_that_differs_from_the_answer_is_shown_below_it() -> None:
    output = typed("Seven, I think.", '{\n  "shops": 8\n}')

    excerpt, _ = outputs.excerpt(output, 1000)

    assert excerpt == (
        'Seven, I think.\n\n**Handed on as this structure:**\n\n```json\n{\n  "shops": 8\n}\n```'
    )
    assert outputs.full_text(output) == excerpt


def test_an_answer_that_is_the_structure_is_shown_once_as_code() -> None:
    excerpt, _ = outputs.excerpt(typed('{"shops":8}', '{\n  "shops": 8\n}'), 1000)

    assert excerpt == '```json\n{\n  "shops": 8\n}\n```'


def test_code_that_an_answer_leaves_open_does_not_swallow_the_structure() -> None:
    excerpt, _ = outputs.excerpt(typed("See:\n```\nseven", "8"), 1000)

    assert excerpt.startswith("See:\n```\nseven\n```\n\n**Handed on as this structure:**")


def test_each_of_several_tasks_shows_its_structure() -> None:
    tasks = (*typed("Seven.", "8").tasks, TaskResult("tell", "Writer", "a tale"))

    excerpt, _ = outputs.excerpt(PhaseOutput("a tale", tasks), 1000)

    assert excerpt.index("Seven.") < excerpt.index("```json\n8\n```") < excerpt.index("## tell")
