"""A body of another shape than Slack's is refused by the name of the part that does not fit."""

from __future__ import annotations

from typing import Any

import pytest

from bot.slack.inbound.payload_shape import PayloadError, check, first, mapping, text

COMMAND = {
    "command": "/crew",
    "text": "help",
    "channel_id": "C1",
    "user_id": "UANA",
    "trigger_id": "1.2",
    "team_id": "T1",
}
CLICK: dict[str, Any] = {
    "type": "block_actions",
    "user": {"id": "UANA", "team_id": "T1"},
    "team": {"id": "T1"},
    "actions": [{"action_id": "checkpoint_stop", "type": "button"}],
    "container": {"message_ts": "1.0", "channel_id": "C1"},
}
SUBMISSION: dict[str, Any] = {
    "type": "view_submission",
    "user": {"id": "UANA"},
    "view": {"callback_id": "revision"},
    "response_urls": [],
}
EVENT: dict[str, Any] = {
    "type": "event_callback",
    "event": {"type": "message", "user": "UANA", "channel": "C1", "ts": "1.0", "text": "hello"},
    "authorizations": [{"team_id": "T1", "user_id": "UBOT", "enterprise_id": None}],
}


@pytest.mark.parametrize(
    "body",
    [
        COMMAND,
        CLICK,
        SUBMISSION,
        {**SUBMISSION, "type": "view_closed"},
        EVENT,
        {"type": "url_verification", "challenge": "abc"},
        {"ssl_check": "1"},
        {**CLICK, "team": None, "enterprise": None},
        {**COMMAND, "enterprise_id": None},
    ],
)
def test_what_slack_sends_is_let_in(body: dict[str, Any]) -> None:
    check(body)


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({}, "command"),
        ({"ssl_check": "0"}, "command"),
        ({**COMMAND, "command": "crew"}, "command"),
        ({**COMMAND, "text": ["help"]}, "text"),
        ({**COMMAND, "trigger_id": None}, "trigger_id"),
        ({**COMMAND, "response_url": {}}, "response_url"),
        ({key: COMMAND[key] for key in COMMAND if key != "user_id"}, "user_id"),
        ({**CLICK, "type": "dialog_submission"}, "type"),
        ({**CLICK, "type": "shortcut"}, "callback_id"),
        ({**CLICK, "type": "message_action", "callback_id": 5}, "callback_id"),
        ({**CLICK, "type": 5}, "type"),
        ({**CLICK, "user": None}, "user"),
        ({**CLICK, "user": {}}, "id"),
        ({**CLICK, "user": {"id": 5}}, "user.id"),
        ({**CLICK, "team": []}, "team"),
        ({**CLICK, "container": {"thread_ts": 1.5}}, "container.thread_ts"),
        ({**CLICK, "actions": []}, "actions"),
        ({**CLICK, "actions": {}}, "actions"),
        ({**CLICK, "actions": ["stop"]}, "actions"),
        ({**CLICK, "actions": [{"type": "button"}]}, "action_id"),
        ({**CLICK, "actions": [{"action_id": "a"}]}, "type"),
        ({**CLICK, "actions": [{"action_id": "a", "type": "b", "block_id": 5}]}, "block_id"),
        ({**SUBMISSION, "view": {}}, "callback_id"),
        ({**SUBMISSION, "type": "view_closed", "view": None}, "view"),
        ({**SUBMISSION, "response_urls": "none"}, "response_urls"),
        ({**SUBMISSION, "response_urls": [None]}, "response_urls"),
        ({**SUBMISSION, "response_urls": [{"channel_id": 5}]}, "response_urls.channel_id"),
        ({**EVENT, "event": "message"}, "event"),
        ({**EVENT, "event": {"user": "UANA"}}, "type"),
        ({**EVENT, "event": {"type": "message", "ts": 1.5}}, "ts"),
        ({**EVENT, "event": {"type": "message", "item": {"ts": 1.5}}}, "item.ts"),
        ({**EVENT, "authorizations": [{"user_id": 5}]}, "authorizations.user_id"),
        ({"type": "url_verification"}, "challenge"),
    ],
)
def test_the_part_that_does_not_fit_is_named_and_never_quoted(
    body: dict[str, Any], part: str
) -> None:
    with pytest.raises(PayloadError) as refused:
        check(body)

    assert str(refused.value) == part


def test_a_part_is_read_only_in_the_shape_that_was_asked_for() -> None:
    body = {"inner": {"a": 1}, "words": "hello", "nothing": None, "list": [{"b": 2}, {"c": 3}]}

    assert mapping(body, "inner") == {"a": 1}
    assert first(body, "list") == {"b": 2}
    assert text(body, "words") == "hello"
    assert text(body, "nothing", default="") == ""
    assert text(body, "absent", default="other") == "other"
    for read, name in ((mapping, "words"), (first, "inner"), (text, "inner"), (text, "nothing")):
        with pytest.raises(PayloadError, match=name):
            read(body, name)


def test_a_body_that_is_no_object_is_refused() -> None:
    body: Any = ["not", "an", "object"]

    for read in (mapping, text):
        with pytest.raises(PayloadError):
            read(body, "event")
