"""The gist tells on a few lines what a text is about."""

from __future__ import annotations

import pytest

from bot.slack.render.markdown.gist import gist
from bot.slack.render.text import length

PLAN = """# Launch plan

We launch on **3 May** in *Lyon*. The budget is `4,000` euros. [Details](https://a.example) follow.

## Channels

- Instagram
- Radio

**Risks**

Rain.
"""


def test_the_opening_sentences_are_plain_text_and_the_headings_are_listed() -> None:
    about = gist(PLAN, 300)
    assert about.opening == (
        "We launch on 3 May in Lyon. The budget is 4,000 euros. Details follow."
    )
    assert about.headings == ("Launch plan", "Channels", "Risks")
    assert about.minutes == 1


def test_a_short_note_at_the_beginning_is_not_all_of_the_opening() -> None:
    text = "# Plan\n\n_a draft_\n\n## Overview\n\n- **Idea:** one question a week.\n- Span: 6 weeks"

    assert gist(text, 200).opening == "a draft • Idea: one question a week. • Span: 6 weeks"


def test_after_a_short_note_the_opening_goes_on_behind_a_table() -> None:
    text = (
        "_a draft_\n\n## Shares\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nThey are estimates. No data."
    )

    assert gist(text, 200).opening == "a draft · They are estimates. No data."


def test_only_whole_sentences_are_in_the_opening() -> None:
    assert gist(PLAN, 60).opening == "We launch on 3 May in Lyon. The budget is 4,000 euros."


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("We met Dr. Kay, e.g. in Ulm. Then we left.", "We met Dr. Kay, e.g. in Ulm."),
        ("Version 2.0 is out! Try it.", "Version 2.0 is out!"),
        ("He said “stop.” Then he left.", "He said “stop.”"),
        (
            "Am 3. Mai kommt z. B. Frau Dr. Groß. Danach ist Schluss.",
            "Am 3. Mai kommt z. B. Frau Dr. Groß.",
        ),
        ("計画は「完璧。」です。次は予算です。", "計画は「完璧。」"),
        ("予算は三百万円です。次は日程です。", "予算は三百万円です。"),
        ("هل نبدأ الآن؟ نعم، نبدأ غدا.", "هل نبدأ الآن؟"),
        ("نبدأ غدا. ثم نكمل.", "نبدأ غدا."),
    ],
)
def test_sentences_end_where_their_language_ends_them(text: str, first: str) -> None:
    assert gist(text, length(first) + 2).opening == first


def test_a_sentence_that_is_too_long_is_cut_after_a_word() -> None:
    opening = gist("many words without an end " * 40, 80).opening
    assert length(opening) <= 80
    assert opening.endswith(("many…", "words…", "without…", "an…", "end…"))


def test_a_text_of_lists_begins_with_its_first_items() -> None:
    assert gist("# To do\n\n1. Call Ann\n2. Pay", 100).opening.startswith("1. Call Ann")


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("word " * 2200, 10), ("日本語" * 1000, 6), ("ภาษา" * 1000, 8), ("word", 1), ("", 1)],
)
def test_the_reading_time_fits_the_script(text: str, minutes: int) -> None:
    assert gist(text, 100).minutes == minutes


@pytest.mark.parametrize(
    "text", ["", " ", '{"a": 1}', "```\ncode\n```", "| a |\n|---|\n| b |", "---"]
)
def test_any_text_has_a_gist(text: str) -> None:
    about = gist(text, 100)
    assert length(about.opening) <= 100
    assert about.headings == ()
