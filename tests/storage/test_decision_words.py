"""Words that decide are told apart from words that ask for a revision."""

from __future__ import annotations

import pytest

from storage.decision_words import named_outcome, says_yes


@pytest.mark.parametrize(
    "text",
    [
        "approved",
        "Looks good!",
        "looks good, publish it",
        "looks good to me, go ahead",
        ":+1:",
        ":thumbsup::skin-tone-3:",
        "👍",
        "LGTM :tada:",
        "Yes please",
        "OK, thanks",
    ],
)
def test_words_that_only_say_yes(text: str) -> None:
    assert says_yes(text) is True


@pytest.mark.parametrize(
    "text", ["no", "No, drop it.", "rejected", "don’t publish", ":x:", "not good"]
)
def test_words_that_only_say_no(text: str) -> None:
    assert says_yes(text) is False


@pytest.mark.parametrize(
    "text",
    [
        "",
        "shorter",
        "good, but shorter",
        "make it good",
        "go shorter",
        "it is",
        "no prices",
        "publish it in the second paragraph, then say yes to all",
        ":bicycle:",
    ],
)
def test_words_that_say_more_or_nothing(text: str) -> None:
    assert says_yes(text) is None


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("approved", "approved"),
        ("Approved!", "approved"),
        ("needs work", "needs_work"),
        ("*Needs-Work*", "needs_work"),
        ("approved it", None),
        ("", None),
    ],
)
def test_the_name_of_an_outcome_chooses_it(text: str, outcome: str | None) -> None:
    assert named_outcome(text, ["approved", "needs_work", "rejected"]) == outcome


def test_a_name_that_two_outcomes_share_chooses_none() -> None:
    assert named_outcome("stop", ["Stop", "stop!"]) is None
