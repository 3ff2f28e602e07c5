"""Slack's payloads as records, with what is needed of them and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from bot.slack import ids
from bot.slack.inbound import parse, thread_messages
from bot.slack.inbound.parse import Person
from bot.slack.inbound.payload_shape import PayloadError
from bot.slack.inbound.written import Written

VIEW = ids.FormView("9f8e", "C1", "1.0")
CLICK: dict[str, Any] = {
    "type": "block_actions",
    "user": {"id": "UANA", "username": "ana", "name": "ana.b"},
    "channel": {"id": "C1"},
    "container": {"message_ts": "2.0", "thread_ts": "1.0", "channel_id": "C9"},
    "actions": [{"action_id": "checkpoint_stop", "value": "9f8e"}],
    "trigger_id": "t1",
}
EVENT: dict[str, Any] = {
    "type": "message",
    "user": "UANA",
    "channel": "C1",
    "thread_ts": "1.0",
    "ts": "2.0",
    "text": "<@UBOT> shorter &amp; louder",
}


def submitted(**values: object) -> dict[str, Any]:
    """The revision's modal, sent with these blocks."""
    words = {ids.TEXT_BLOCK: {ids.TEXT_INPUT: {"value": " shorter \n"}}}
    return {
        "type": "view_submission",
        "user": {"id": "UANA"},
        "view": {
            "id": "V1",
            "hash": "h1",
            "private_metadata": VIEW.encode(),
            "state": {"values": {**words, **values}},
        },
    }


def event(**changes: object) -> dict[str, Any]:
    return {"type": "event_callback", "event": {**EVENT, **changes}}


def test_a_command_is_its_words_its_channel_and_its_person() -> None:
    body = {"text": "plan it", "channel_id": "C1", "user_id": "UANA", "trigger_id": "t1"}

    assert parse.command(body) == parse.CommandCall("plan it", "C1", Person("UANA"), "t1")
    assert parse.command({**body, "text": None, "user_name": "ana"}) == parse.CommandCall(
        "", "C1", Person("UANA", "ana"), "t1"
    )


def test_a_click_names_its_button_and_the_message_it_stands_in() -> None:
    click = parse.click(CLICK)

    assert (click.action_id, click.value) == ("checkpoint_stop", "9f8e")
    assert (click.channel, click.message_ts, click.thread_ts) == ("C1", "2.0", "1.0")
    assert (click.by, click.trigger_id) == (Person("UANA", "ana"), "t1")


def test_a_choice_in_a_menu_carries_the_chosen_value() -> None:
    action = {"action_id": "checkpoint_outcome", "selected_option": {"value": "9f8e 3"}}

    assert parse.click({**CLICK, "actions": [action]}).value == "9f8e 3"


def test_the_thread_of_a_click_is_the_containers_or_else_the_messages() -> None:
    bare = {"message_ts": "2.0", "channel_id": "C9", "is_ephemeral": True}
    click = parse.click(
        {**CLICK, "channel": None, "container": bare, "message": {"thread_ts": "1.5"}}
    )

    assert (click.channel, click.thread_ts) == ("C9", "1.5")
    assert parse.click({**CLICK, "container": bare}).thread_ts is None
    assert parse.click({**CLICK, "message": {"thread_ts": "1.5"}}).thread_ts == "1.0"


def test_a_thread_that_is_no_text_is_none() -> None:
    container = {"message_ts": "2.0", "channel_id": "C9", "thread_ts": 1.0}

    assert parse.click({**CLICK, "container": container}).thread_ts is None
    assert parse.thread_of({"container": container}) is None
    assert parse.event_location(event(thread_ts=1.0)) == ("C1", None)


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ({"username": "ana", "name": "ana.b"}, "ana"),
        ({"name": "ana.b"}, "ana.b"),
        ({}, ""),
        ({"name": 5}, ""),
    ],
)
def test_a_person_is_called_by_the_name_that_slack_gives(
    user: dict[str, object], name: str
) -> None:
    assert parse.click({**CLICK, "user": {"id": "UANA", **user}}).by == Person("UANA", name)


@pytest.mark.parametrize("part", ["actions", "container", "user"])
def test_a_click_without_a_part_is_refused_by_its_name(part: str) -> None:
    with pytest.raises(PayloadError, match=part):
        parse.click({name: value for name, value in CLICK.items() if name != part})


def test_a_form_brings_its_words_stripped_and_where_it_was_opened() -> None:
    submission = parse.submission(submitted())

    assert (submission.view, submission.text) == (VIEW, "shorter")
    assert (submission.tasks, submission.outcome) == ((), None)
    assert submission.delivery == "view:V1:h1"


@pytest.mark.parametrize(
    ("selected", "tasks"),
    [([{"value": "plan"}, {"value": "check"}], ("plan", "check")), ([], ()), (None, ())],
)
def test_a_form_that_asked_for_outputs_brings_those_that_were_chosen(
    selected: object, tasks: tuple[str, ...]
) -> None:
    block = {ids.TASKS_BLOCK: {ids.TASKS_INPUT: {"selected_options": selected}}}
    submission = parse.submission(submitted(**block))

    assert submission.tasks == tasks


@pytest.mark.parametrize("selected", ["plan", {"value": "plan"}, [{"text": "plan"}], ["plan"]])
def test_outputs_that_were_not_chosen_as_slack_sends_them_are_refused(selected: object) -> None:
    block = {ids.TASKS_BLOCK: {ids.TASKS_INPUT: {"selected_options": selected}}}

    with pytest.raises(PayloadError):
        parse.submission(submitted(**block))


def test_a_form_that_asked_for_an_outcome_brings_its_number() -> None:
    block = {ids.OUTCOME_BLOCK: {ids.OUTCOME_INPUT: {"selected_option": {"value": "9f8e 2"}}}}

    assert parse.submission(submitted(**block)).outcome == ids.ChosenOutcome("9f8e", 2)


def test_an_empty_text_field_brings_no_words() -> None:
    block = {ids.TEXT_BLOCK: {ids.TEXT_INPUT: {"value": None}}}

    assert parse.submission(submitted(**block)).text == ""


def test_a_form_with_metadata_that_is_not_ours_is_refused() -> None:
    body = submitted()
    body["view"]["private_metadata"] = "{}"

    for read in (parse.submission, parse.form_closed):
        with pytest.raises(PayloadError, match="private_metadata"):
            read(body)


def test_a_closed_form_says_whose_it_was() -> None:
    assert parse.form_closed(submitted()) == parse.FormClosed(VIEW, Person("UANA"))


def test_a_reply_in_a_thread_is_read_with_who_wrote_it_and_where() -> None:
    said = thread_messages.thread_reply(event(), bot_user="UBOT")

    written = Written("<@UBOT> shorter &amp; louder")
    assert said == thread_messages.ThreadReply("C1", "1.0", "2.0", written, True, Person("UANA"))


@pytest.mark.parametrize(
    ("bot_user", "text", "mentions_bot"),
    [("UBOT", "shorter", False), ("UEVE", "<@UBOT> shorter", False), (None, "<@UBOT> hi", False)],
)
def test_a_reply_mentions_the_bot_only_by_its_own_id(
    bot_user: str | None, text: str, mentions_bot: bool
) -> None:
    said = thread_messages.thread_reply(event(text=text), bot_user=bot_user)

    assert said is not None
    assert said.mentions_bot is mentions_bot


@pytest.mark.parametrize("subtype", ["thread_broadcast", "file_share", "me_message"])
def test_a_reply_that_is_also_shown_in_the_channel_or_has_a_file_is_a_reply(subtype: str) -> None:
    assert thread_messages.thread_reply(event(subtype=subtype), bot_user="UBOT") is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"bot_id": "B1"},
        {"subtype": "message_changed"},
        {"subtype": "channel_join"},
        {"hidden": True},
        {"user": None},
        {"thread_ts": None},
        {"thread_ts": "2.0"},
    ],
)
def test_bots_edits_and_the_main_channel_say_nothing(changes: dict[str, object]) -> None:
    assert thread_messages.thread_reply(event(**changes), bot_user="UBOT") is None


def test_an_event_is_answered_in_its_thread_to_its_author() -> None:
    assert parse.event_location(event()) == ("C1", "1.0")
    assert parse.event_location(event(thread_ts=None)) == ("C1", None)
    assert parse.event_author(event()) == Person("UANA")


def test_the_kind_of_a_body_is_told_apart() -> None:
    assert parse.is_event(event())
    assert parse.is_submission(submitted())
    assert not parse.is_event(CLICK)
    assert not parse.is_submission(CLICK)
    assert parse.thread_of(CLICK) == "1.0"
    assert parse.thread_of({}) is None
