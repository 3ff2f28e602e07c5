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
@pytest.mark.parametrize("sanitize", [text.mrkdwn, text.markdown], ids=["mrkdwn", "markdown"])
def test_hostile_text_notifies_nobody_and_hides_nothing(hostile: str, sanitize: object) -> None:
    assert callable(sanitize)
    check_harmless(sanitize(hostile))


def check_harmless(rendered: str) -> None:
    assert "<" not in rendered
    assert ">" not in rendered
    assert not re.search(
        "[\u202a-\u202e\u2066-\u2069\u200b\u200e\u200f\ufeff\U000e0001-\U000e007f]", rendered
    )
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", rendered)
    assert not re.search(r"@(channel|here|everyone)\b", rendered, re.IGNORECASE)
    rendered.encode("utf-8")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_markdown_link_can_hide_its_address(hostile: str) -> None:
    rendered = text.markdown(hostile)
    assert "](" not in rendered
    assert "][" not in rendered
    assert "]:" not in rendered


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
        for sanitize in (text.mrkdwn, text.markdown):
            rendered = sanitize(composed)
            check_harmless(rendered)
            notified = mentions.pings(
                text=rendered,
                blocks=[{"type": "markdown", "text": rendered}],
                link_names=False,
                channel=channel,
                users=team.users,
                groups=team.groups,
                author="U00SIGN001",
            )
            assert not notified, composed
        clipped, _ = text.clip(text.markdown(composed), 60)
        check_harmless(clipped)
        assert text.length(clipped) <= 60


def test_ordinary_text_is_left_as_it_is() -> None:
    ordinary = "# Plan\n\n- *one* — “two”, 3 € · naïve 日本語 😀\n\n| a | b |\n| - | - |\n"
    assert text.markdown(ordinary) == ordinary


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


@pytest.mark.parametrize("limit", range(-20, 40))
def test_clip_keeps_to_the_smallest_limits(limit: int) -> None:
    rendered, clipped = text.clip("some words " * 20, limit)
    assert clipped
    assert text.length(rendered) <= max(0, limit)


@pytest.mark.parametrize("size", [10, 99, 100, 101, 60_000])
def test_clip_keeps_to_its_limit_and_says_whether_it_cut(size: int) -> None:
    rendered, clipped = text.clip("x" * size, 100)
    assert text.length(rendered) <= 100
    assert clipped == (size > 100)


def test_clip_cuts_at_a_paragraph_and_never_inside_an_entity() -> None:
    rendered, clipped = text.clip("one two three\n\n" * 20, 100)
    assert clipped
    assert rendered.endswith("three …")
    for limit in range(20, 60):
        cut, _ = text.clip("&amp;" * 40, limit)
        assert re.fullmatch(r"(&amp;)* ?…", cut), cut


def test_clip_closes_a_code_fence_that_it_cut_open() -> None:
    rendered, _ = text.clip("before\n\n```python\n" + "x = 1\n" * 100, 200)
    assert rendered.count("```") == 2
    assert rendered.endswith("```")


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
