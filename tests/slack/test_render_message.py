"""A rendered message as it goes to Slack: armed or not, in full or in its plainest form."""

from __future__ import annotations

import pytest

from bot.slack.render.buttons import button
from bot.slack.render.message import (
    NOTIFICATION_LIMIT,
    SECTION_LIMIT,
    Form,
    Rendered,
    context,
    listed,
    section,
    sentences,
)

STOP = button("checkpoint_stop", "Stop", "9f8e")
MESSAGE = Rendered("A plan waits", (section("*A plan*"), context("run 1a2b")), "A plan", (STOP,))


def kinds(message: Rendered, *, armed: bool, form: Form = Form.FULL) -> list[str]:
    return [block["type"] for block in message.to_blocks(armed=armed, form=form)]


def test_a_message_has_buttons_only_when_it_is_armed() -> None:
    assert kinds(MESSAGE, armed=False) == ["section", "context"]
    assert kinds(MESSAGE, armed=True) == ["section", "context", "actions"]
    assert kinds(Rendered("", MESSAGE.blocks, ""), armed=True) == ["section", "context"]


def test_the_plainest_form_says_the_same_in_one_section_and_keeps_the_buttons() -> None:
    words, actions = MESSAGE.to_blocks(armed=True, form=Form.PLAIN)

    assert words["text"]["text"] == "A plan"
    assert actions["elements"][0]["value"] == "9f8e"


def test_each_form_is_simpler_than_the_one_before() -> None:
    shown = [kinds(MESSAGE, armed=True, form=form) for form in Form]

    assert shown == [
        ["section", "context", "actions"],
        ["section", "actions"],
        ["section", "actions"],
        [],
    ]


def test_words_are_never_turned_into_links_or_mentions() -> None:
    for block in (section("@here www.example.com"), context("@here")):
        shown = block.to_dict()
        text = shown.get("text") or shown["elements"][0]
        assert (text["type"], text["verbatim"]) == ("mrkdwn", True)


def test_long_words_are_cut_to_what_slack_takes() -> None:
    assert len(section("x" * 9_000).to_dict()["text"]["text"]) == SECTION_LIMIT
    spoken = Rendered("x" * 9_000, (), "").notification_text()
    assert len(spoken) == NOTIFICATION_LIMIT
    assert spoken.endswith("…")


def test_a_context_leaves_out_what_is_empty() -> None:
    assert len(context("run 1a2b", "", "$0.04").to_dict()["elements"]) == 2


def test_sentences_leave_out_what_is_empty() -> None:
    assert sentences(["One.", "", "Two."]) == "One. Two."


@pytest.mark.parametrize(
    ("parts", "shown"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_a_list_is_said_as_people_say_it(parts: list[str], shown: str) -> None:
    assert listed(parts) == shown
    assert listed(parts, last="or") == shown.replace("and", "or")
