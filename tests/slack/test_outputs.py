"""What a reviewer sees of a phase's output, with one task or several."""

from __future__ import annotations

from bot.slack.render import outputs
from storage.records import PhaseOutput, TaskResult


def phase(**tasks: str) -> PhaseOutput:
    results = tuple(TaskResult(task, "Writer", text) for task, text in tasks.items())
    return PhaseOutput(output=results[-1].output, tasks=results)


def test_every_task_of_a_phase_is_shown_under_its_name() -> None:
    shown = outputs.full_text(phase(analyze_sentiment="70 good", trends="bikes"))

    assert shown == "# analyze sentiment\n\n70 good\n\n# trends\n\nbikes"


def test_a_single_task_needs_no_heading() -> None:
    assert outputs.full_text(phase(plan="the plan")) == "the plan"


def typed(text: str, structured: str) -> PhaseOutput:
    return PhaseOutput(text, (TaskResult("count", "Clerk", text, structured=structured),))


def test_a_structure_that_differs_from_the_answer_is_shown_below_it() -> None:
    output = typed("Seven, I think.", '{\n  "shops": 8\n}')

    shown = outputs.full_text(output)

    assert shown == (
        'Seven, I think.\n\n**Handed on as this structure:**\n\n```json\n{\n  "shops": 8\n}\n```'
    )


def test_an_answer_that_is_the_structure_is_shown_once_as_code() -> None:
    shown = outputs.full_text(typed('{"shops":8}', '{\n  "shops": 8\n}'))

    assert shown == '```json\n{\n  "shops": 8\n}\n```'


def test_code_that_an_answer_leaves_open_does_not_swallow_the_structure() -> None:
    shown = outputs.full_text(typed("See:\n```\nseven", "8"))

    assert shown.startswith("See:\n```\nseven\n```\n\n**Handed on as this structure:**")


def test_each_of_several_tasks_shows_its_structure() -> None:
    tasks = (*typed("Seven.", "8").tasks, TaskResult("tell", "Writer", "a tale"))

    shown = outputs.full_text(PhaseOutput("a tale", tasks))

    assert shown.index("Seven.") < shown.index("```json\n8\n```") < shown.index("# tell")
