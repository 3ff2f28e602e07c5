"""A reviewer's words, however the framework hands them to a model."""

from __future__ import annotations

import pytest

from crew_runner.models.drafter.conversation import read
from crew_runner.models.drafter.draft import answer


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


def drafted(task: str, *said: str) -> str:
    """The drafter's last answer; before each of the reviewer's words stands its own answer."""
    messages = [{"role": "user", "content": f"Current Task: {task}"}]
    for words in said:
        messages += [
            {"role": "assistant", "content": answer(read(messages))},
            {"role": "user", "content": f"User feedback: {words}"},
        ]
    return answer(read(messages))


PLAN = "Deliverable: content plan\n<request>\na bicycle shop that opens in May\n</request>"
LESSONS = "\n\nLessons from earlier reviews. Keep to them:\n- no Newsletter\n- add TikTok"


def test_a_first_draft_keeps_to_the_lessons_of_earlier_reviews() -> None:
    plain, taught = drafted(PLAN), drafted(PLAN + LESSONS)

    assert "Newsletter" in plain
    assert "TikTok" not in plain
    assert "Newsletter" not in taught
    assert "TikTok" in taught
    assert "Lessons" not in taught


def test_a_draft_of_another_crew_notes_its_lessons_and_does_not_repeat_the_prompt() -> None:
    taught = drafted("Write the invitation to the opening." + LESSONS)

    assert "Keep to them" not in taught
    assert "TikTok" in taught


def test_what_is_cut_by_nothing_is_not_called_cut() -> None:
    revised = drafted(PLAN, "at most 9000 words")

    assert "cut from" not in revised
    assert "at most 9000 words" in revised


def test_a_title_does_not_say_its_subject_twice() -> None:
    assert drafted(PLAN).splitlines()[0] == "# Content plan: Bicycle shop"
