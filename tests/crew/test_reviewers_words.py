"""A reviewer's words, however the framework hands them to a model."""

from __future__ import annotations

import pytest

from crew_runner.models.drafter.conversation import read


@pytest.mark.parametrize(
    "handed_on",
    [
        "say it more warmly",
        "You got human feedback on your work, re-evaluate it:\nsay it more warmly",
        "User feedback: say it more warmly\nInstructions: Use this feedback.\nNote: No comment.",
        "\nCurrent Task: say it more warmly\n\nProvide your complete response:",
    ],
)
def test_only_what_the_reviewer_said_is_taken_for_the_feedback(handed_on: str) -> None:
    conversation = read(
        [
            {"role": "system", "content": "You are a writer."},
            {"role": "user", "content": "Current Task: Write an announcement."},
            {"role": "assistant", "content": "We open at nine."},
            {"role": "user", "content": handed_on},
        ]
    )

    assert conversation.feedback == ("say it more warmly",)
    assert conversation.answer == "We open at nine."
