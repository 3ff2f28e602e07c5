"""What the offline drafter makes of a reviewer's words."""

from __future__ import annotations

import pytest

from crew_runner.models.drafter import conversation, draft
from crew_runner.models.drafter.label import CANNOT, LABEL

PLAN = "Deliverable: content plan\n<request>\na summer campaign for a bicycle shop\n</request>"


def asked(task: str = PLAN, *feedback: str, context: str = "") -> str:
    """The last answer; before each round of feedback comes the drafter's own answer."""
    prompt = f"Current Task: {task}"
    if context:
        prompt += f"\nThis is the context you're working with:\n{context}"
    messages = [{"role": "user", "content": prompt}]
    for words in feedback:
        answer = draft.answer(conversation.read(messages))
        messages += [
            {"role": "assistant", "content": answer},
            {"role": "user", "content": f"User feedback: {words}\nInstructions: Use this feedback"},
        ]
    return draft.answer(conversation.read(messages))


def section(text: str, heading: str) -> str:
    return text.partition(f"## {heading}\n\n")[2].partition("\n\n## ")[0]


def changes(text: str) -> list[str]:
    """What the text says was done, without the quotes of the wishes."""
    lines = section(text, "Changed on request").splitlines()
    return [line.removeprefix("- ") for line in lines if line.startswith("- ")]


def words(text: str) -> int:
    return len(text.partition("## Strategic overview")[2].split())


@pytest.mark.parametrize(
    "wish", ["shorter please", "Could you make it shorter?", "it's too long", "shorten the plan"]
)
def test_a_text_is_made_shorter_and_keeps_its_label_and_its_tables(wish: str) -> None:
    before, after = asked(), asked(PLAN, wish)

    assert words(after) < 0.85 * words(before)
    assert section(after, "Calendar") == section(before, "Calendar")
    assert f"*{LABEL}*" in after
    assert f"**“{wish}”**" in after
    assert len(changes(after)) == 1
    assert changes(after)[0].startswith("Shortened from ")
    assert CANNOT not in after


def test_a_text_gets_shorter_round_by_round_until_it_says_that_it_cannot() -> None:
    texts = [asked(PLAN, *["shorter"] * rounds) for rounds in range(6)]

    counts = [words(text) for text in texts]
    assert counts == sorted(counts, reverse=True)
    assert changes(texts[-1])[0] == "This is as short as an offline draft can make it."
    assert "1.\n" not in texts[-1]


def test_only_the_section_that_is_meant_gets_shorter() -> None:
    before, after = asked(), asked(PLAN, "make the objectives shorter")

    assert len(section(after, "Objectives")) < len(section(before, "Objectives"))
    assert section(after, "Themes") == section(before, "Themes")


def test_a_text_is_made_longer_once() -> None:
    once, twice = asked(PLAN, "a bit longer, please"), asked(PLAN, "longer", "longer")

    assert words(once) > words(asked())
    assert "New: “Production notes”" in changes(once)[0]
    assert changes(twice)[0] == "This is as long as an offline draft can make it."


@pytest.mark.parametrize(
    "wish",
    [
        "drop the talent section",
        "leave out the talent assignments",
        "leave the talent assignments out, please",
        "remove “Talent assignments”.",
        "without the talent",
    ],
)
def test_a_section_is_left_out(wish: str) -> None:
    before, after = asked(), asked(PLAN, wish)

    assert "## Talent assignments" in before
    assert "## Talent assignments" not in after
    assert changes(after) == ["Left out the section “Talent assignments”."]


@pytest.mark.parametrize(
    ("wish", "old", "new"),
    [
        ("rename Instagram to TikTok", "Instagram", "TikTok"),
        ("please replace the newsletter with Sunday letter", "newsletter", "Sunday letter"),
        ("Rename 'Key messages' to 'What we say'", "Key messages", "What we say"),
    ],
)
def test_a_name_is_replaced_everywhere(wish: str, old: str, new: str) -> None:
    before, after = asked(), asked(PLAN, wish)
    body = after.partition("## Strategic overview")[2]

    assert old in before
    assert old.lower() not in body.lower()
    assert new in body
    assert f" is now “{new}” in " in changes(after)[0]


def test_several_wishes_of_one_sentence_are_each_done() -> None:
    wish = "Make it shorter, drop the formats and the themes, and rename Instagram to TikTok"
    after = asked(PLAN, wish)

    assert "## Formats" not in after
    assert "## Themes" not in after
    assert "Instagram" not in after.partition("## Strategic overview")[2]
    assert f"**“{wish}”**" in after
    assert [change.split()[0] for change in changes(after)] == [
        "Shortened",
        "Left",
        "Left",
        "“Instagram”",
    ]


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ("mention free coffee on Saturdays", CANNOT),
        ("don't drop the budget", CANNOT),
        ("change the tone to something warmer", CANNOT),
        ("auf Deutsch bitte", CANNOT),
        ("leave out the mascots", "There is no section called “mascots” to leave out."),
        (
            "rename cats to dogs",
            "“cats” does not occur in this text, so nothing was renamed.",
        ),
        ("use “Reel” instead of “Picture story”", CANNOT),
    ],
)
def test_what_cannot_be_done_is_said_plainly(wish: str, said: str) -> None:
    after = asked(PLAN, wish)

    assert f"**“{wish}”**" in after
    assert changes(after)[0].endswith(said)
    assert words(after) >= words(asked()) - 20


def test_the_part_of_a_wish_that_cannot_be_done_is_named() -> None:
    assert changes(asked(PLAN, "shorter and funnier"))[0].endswith(f"“funnier”: {CANNOT}")
    assert (
        changes(asked(PLAN, "drop the themes and mention rain"))[1] == f"“mention rain”: {CANNOT}"
    )


def test_the_newest_of_several_rounds_comes_first() -> None:
    text = asked(PLAN, "drop the themes", "mention rain")

    assert changes(text) == [CANNOT, "Left out the section “Themes”."]
    assert text.count("## Changed on request") == 1


@pytest.mark.parametrize(
    "passed_on",
    [
        "say it more warmly",
        "You got human feedback on your work, re-evaluate it:\nsay it more warmly",
        "User feedback: say it more warmly\nInstructions: Use this feedback.\nNote: No comment.",
        "\nCurrent Task: say it more warmly\n\nProvide your complete response:",
    ],
)
def test_only_the_reviewers_own_words_are_the_feedback(passed_on: str) -> None:
    messages = [
        {"role": "user", "content": "Current Task: Write an announcement."},
        {"role": "assistant", "content": "We open at nine."},
        {"role": "user", "content": passed_on},
    ]

    text = draft.answer(conversation.read(messages))

    assert "**“say it more warmly”**" in text
    assert text.startswith(f"*{LABEL}*")
    assert "We open at nine." in text


def test_a_first_draft_keeps_to_the_lessons_of_earlier_reviews() -> None:
    lessons = "\n\nLessons from earlier reviews. Keep to them:\n- no themes\n- ask about rain"
    text = asked(PLAN + lessons)

    assert "## Themes" not in text
    assert "ask about rain" in section(text, "Lessons from earlier reviews")
    assert "Keep to them" not in text


def test_later_texts_keep_new_names_and_list_what_was_asked_for() -> None:
    plan = asked(PLAN, "rename Instagram to TikTok", "mention rain")
    strategy = asked(PLAN.replace("content plan", "draft strategy"), context=plan)

    assert "Instagram" not in strategy.partition("## Asked for in earlier reviews")[0]
    assert "- “mention rain”" in section(strategy, "Asked for in earlier reviews")


def test_the_draft_of_another_crews_task_is_built_from_its_description() -> None:
    task = (
        "Write the invitation to our customers: the shop opens on Sundays\n\n"
        "This is the expected criteria for your final answer: An invitation of 3 paragraphs\n"
        "you MUST return the actual complete content"
    )
    text = asked(task)

    assert text.startswith(f"# Invitation to our customers\n\n*{LABEL}*\n\n**The shop opens")
    assert "**Expected:** An invitation of 3 paragraphs" in text
    assert text == asked(task)
