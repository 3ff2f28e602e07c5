"""The whole text of an output, edited in a file, is read back task by task."""

from __future__ import annotations

import pytest

from bot.slack.render import outputs
from bot.slack.render.edited_file import texts
from storage.records import PhaseOutput, TaskResult

SEVERAL = PhaseOutput(
    "Two",
    (
        TaskResult("first_task", "A", "One\n\n# Not a task\n\n  indented"),
        TaskResult("second", "B", "prose", structured='{\n  "a": 1\n}'),
        TaskResult("third", "C", ""),
    ),
)


def test_a_file_that_was_not_changed_gives_the_texts_as_they_are() -> None:
    assert texts(SEVERAL, outputs.full_text(SEVERAL)) == {
        "first_task": "One\n\n# Not a task\n\n  indented",
        "second": '{\n  "a": 1\n}',
        "third": "",
    }


@pytest.mark.parametrize(
    "output", [PhaseOutput("One"), PhaseOutput("One", (TaskResult("only", "A", "One"),))]
)
def test_a_single_text_needs_no_heading(output: PhaseOutput) -> None:
    assert [*(texts(output, "# Mine\n\nTwo") or {}).values()] == ["# Mine\n\nTwo"]


@pytest.mark.parametrize("content", ["Only words", "# first task\n\nOne", "# third\n# second"])
def test_a_file_without_all_headings_is_not_guessed(content: str) -> None:
    assert texts(SEVERAL, content) is None
