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


@pytest.mark.parametrize(
    "text",
    [
        "ship it :rocket:",
        "👍🏽",
        "✅✅",
        "sgtm, thanks!",
        "go for it",
        "do it",
        "No objections, go ahead",
        "no changes needed",
        "not bad",
        "Ja, passt!",
        "Sieht gut aus, mach weiter",
        "Sí, adelante",
        "C'est bon, merci",
        "了解です。",
    ],
)
def test_more_ways_to_say_yes(text: str) -> None:
    assert says_yes(text) is True


@pytest.mark.parametrize(
    "text", ["no thanks", "do not", "🚫", "Nein, danke", "non merci", "いいえ", ":-1::skin-tone-2:"]
)
def test_more_ways_to_say_no(text: str) -> None:
    assert says_yes(text) is False


@pytest.mark.parametrize("text", ["no changes to the prices", "go on about prices", "ja, kürzer"])
def test_a_wish_with_a_yes_or_no_in_it_is_a_wish(text: str) -> None:
    assert says_yes(text) is None


@pytest.mark.parametrize("text", ["approved :tada:", "👍 Approved!", ":white_check_mark:approved"])
def test_emoji_around_the_name_of_an_outcome_do_not_matter(text: str) -> None:
    assert named_outcome(text, ["approved", "rejected"]) == "approved"


def test_an_outcome_may_be_an_emoji() -> None:
    assert named_outcome("👍", ["👍", "👎"]) == "👍"
