"""Text of people and models is safe to show: it notifies nobody and hides nothing."""

from __future__ import annotations

import random
import re

import pytest

from bot.slack.render import text
from practice.seed import practice_team
from practice.state import mentions

HOSTILE = [
    "<!channel> <!here> <!everyone|all>",
    "<@U00ANA0001> and <@U00ANA0001|ana>",
    "<!subteam^S00REVIEW01>",
    "<#C00GENERAL1|general>",
    "<https://evil.example|https://bank.example>",
    "[https://bank.example](https://evil.example)",
    "[bank][1]\n\n[1]: https://evil.example",
    "[bank]\n\n[bank]: https://evil.example",
    "![logo](https://evil.example/pixel.png)",
    "<https://evil.example>",
    "[a](<javascript:alert(1)>)",
    "@channel @here @everyone @CHANNEL",
    "&lt;!channel&gt;",
    "user\u202egnp.exe",
    "\u2066hidden\u2069",
    "pass\u200bword\ufeff\u2060",
    "tags \U000e0041\U000e0042",
    "a\x00b\x1b[31mred",
    "lone \ud800 surrogate",
    "```\n<!channel>",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_notifies_nobody_and_hides_nothing(hostile: str) -> None:
    check_harmless(text.mrkdwn(hostile))


def check_harmless(rendered: str) -> None:
    assert "<" not in rendered
    assert ">" not in rendered
    assert not re.search(
        "[\u202a-\u202e\u2066-\u2069\u200b\u200e\u200f\ufeff\U000e0001-\U000e007f]", rendered
    )
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", rendered)
    assert not re.search(r"@(channel|here|everyone)\b", rendered, re.IGNORECASE)
    rendered.encode("utf-8")


def test_any_combination_of_hostile_pieces_is_harmless() -> None:
    pieces = [
        *HOSTILE,
        "]",
        "(",
        "[",
        ":",
        "<",
        ">",
        "&",
        "!",
        "\\",
        "\n",
        " ",
        "é",
        "😀",
        "\u200d",
    ]
    dice = random.Random(20260302)
    team = practice_team()
    channel = team.channels["C00CAMPAIGN"]
    for _ in range(2000):
        composed = "".join(dice.choices(pieces, k=dice.randint(1, 12)))
        rendered = text.mrkdwn(composed)
        check_harmless(rendered)
        notified = mentions.pings(
            text=rendered,
            blocks=[
                {"type": "section", "text": {"type": "mrkdwn", "text": rendered, "verbatim": True}}
            ],
            link_names=False,
            channel=channel,
            users=team.users,
            groups=team.groups,
            author="U00SIGN001",
        )
        assert not notified, composed


def test_ordinary_text_is_left_as_it_is() -> None:
    ordinary = "# Plan\n\n- *one* — “two”, 3 € · naïve 日本語 😀\n\n| a | b |\n| - | - |\n"
    assert text.mrkdwn(ordinary) == ordinary


@pytest.mark.parametrize(
    "joined",
    ["\N{WOMAN}\u200d\N{PERSONAL COMPUTER}", "می\u200cخواهم", "क\u094d\u200dष"],
    ids=["emoji", "persian", "hindi"],
)
def test_joiners_stay_where_scripts_and_emoji_need_them(joined: str) -> None:
    assert text.sanitize(joined) == joined


def test_joiners_between_latin_letters_are_removed() -> None:
    assert text.sanitize("pay\u200dpal \u200cx") == "paypal x"


def test_escaping_happens_once() -> None:
    assert text.mrkdwn("a & b < c &amp; d") == "a &amp; b &lt; c &amp;amp; d"


def test_lengths_are_counted_in_utf_16_units() -> None:
    assert text.length("😀") == 2
    assert text.length(text.shorten("😀" * 100, 75)) <= 75
    assert "\ud83d" not in text.shorten("😀" * 100, 75)


def test_a_quotation_marks_every_line() -> None:
    assert text.quote("one\n<two>\n", 100) == "> one\n> &lt;two&gt;"


def test_labels_are_one_line_of_plain_text() -> None:
    assert text.label("trend_research") == "trend research"
    assert text.plain("<!channel>\n\nnow @here", 50) == "‹!channel› now @\u2060here"
    assert text.length(text.plain("w " * 500, 75)) <= 75


@pytest.mark.parametrize("limit", [-3, 0])
def test_nothing_fits_where_there_is_no_room(limit: int) -> None:
    assert text.shorten("some words", limit) == ""
