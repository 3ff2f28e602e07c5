"""Slack's payloads as records: the only place that looks into a body.

Each function raises PayloadError for a body of another shape; a front door answers that with
400. Nothing of a body stands in the error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.slack import ids
from bot.slack.inbound import mrkdwn
from bot.slack.inbound.payload_shape import Body, PayloadError, first, mapping, text

PERSONS_SUBTYPES = (None, "thread_broadcast", "file_share")
"""Message events by which a person says something; all other subtypes report changes."""


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class CommandCall:
    text: str
    channel: str
    by: Person
    delivery: str


@dataclass(frozen=True, slots=True)
class Click:
    """A button or menu of ours. `message_ts` is the message that it stands in."""

    action_id: str
    value: str
    channel: str
    message_ts: str
    thread_ts: str | None
    by: Person
    trigger_id: str


@dataclass(frozen=True, slots=True)
class Submission:
    """A modal, sent. `tasks` is empty and `outcome` None where the modal asked for none."""

    view: ids.FormView
    text: str
    tasks: tuple[str, ...]
    by: Person
    delivery: str
    outcome: ids.ChosenOutcome | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    """The revision modal, closed without sending."""

    view: ids.FormView
    by: Person


@dataclass(frozen=True, slots=True)
class Said:
    """What a person wrote in a thread, as Slack sends it and as plain words."""

    channel: str
    thread_ts: str
    ts: str
    text: str
    mentions_bot: bool
    by: Person


def command(body: Body) -> CommandCall:
    return CommandCall(
        text=text(body, "text", default=""),
        channel=text(body, "channel_id"),
        by=Person(text(body, "user_id"), text(body, "user_name", default="")),
        delivery=text(body, "trigger_id"),
    )


def click(body: Body) -> Click:
    action = first(body, "actions")
    container = mapping(body, "container")
    channel = mapping(body, "channel") if body.get("channel") else container
    message = body.get("message")
    thread_ts = container.get("thread_ts")
    if thread_ts is None and isinstance(message, dict):
        thread_ts = message.get("thread_ts")
    return Click(
        action_id=text(action, "action_id"),
        value=_value(action),
        channel=text(channel, "id" if channel is not container else "channel_id"),
        message_ts=text(container, "message_ts"),
        thread_ts=thread_ts if isinstance(thread_ts, str) else None,
        by=_person(body),
        trigger_id=text(body, "trigger_id", default=""),
    )


def submission(body: Body) -> Submission:
    view = mapping(body, "view")
    values = mapping(mapping(view, "state"), "values")
    words = mapping(mapping(values, ids.TEXT_BLOCK), ids.TEXT_INPUT).get("value")
    asked = ids.TASKS_BLOCK in values
    return Submission(
        view=_form_view(view),
        text=words.strip() if isinstance(words, str) else "",
        tasks=_chosen(mapping(values, ids.TASKS_BLOCK)) if asked else (),
        by=_person(body),
        delivery=f"view:{text(view, 'id')}:{text(view, 'hash', default='')}",
        outcome=_chosen_outcome(values),
    )


def closed(body: Body) -> Closed:
    return Closed(view=_form_view(mapping(body, "view")), by=_person(body))


def said(body: Body, *, bot_user: str | None) -> Said | None:
    """None where nobody said anything: bots, edits, deletions, joins, the main channel."""
    event = mapping(body, "event")
    if event.get("bot_id") or event.get("subtype") not in PERSONS_SUBTYPES or event.get("hidden"):
        return None
    user, thread_ts, ts = event.get("user"), event.get("thread_ts"), event.get("ts")
    if not isinstance(user, str) or not isinstance(thread_ts, str) or thread_ts == ts:
        return None
    words = text(event, "text", default="")
    return Said(
        channel=text(event, "channel"),
        thread_ts=thread_ts,
        ts=text(event, "ts"),
        text=mrkdwn.to_plain(words, without_user=bot_user),
        mentions_bot=bot_user is not None and mrkdwn.mentions(words, bot_user),
        by=Person(user),
    )


def is_submission(body: Body) -> bool:
    return body.get("type") == "view_submission"


def is_event(body: Body) -> bool:
    return body.get("type") == "event_callback"


def answer_place(body: Body) -> tuple[str, str | None]:
    """Channel and thread of an event, where an answer to its author belongs."""
    event = mapping(body, "event")
    thread_ts = event.get("thread_ts")
    return text(event, "channel"), thread_ts if isinstance(thread_ts, str) else None


def author(body: Body) -> Person:
    """Who wrote the message that an event tells of."""
    return Person(text(mapping(body, "event"), "user"))


def _form_view(view: Mapping[str, Any]) -> ids.FormView:
    try:
        return ids.FormView.decode(text(view, "private_metadata"))
    except ids.IdError as problem:
        raise PayloadError("view.private_metadata") from problem


def _value(action: Mapping[str, Any]) -> str:
    """What a button carries, or the option that was chosen in a menu."""
    if action.get("selected_option") is not None:
        return text(mapping(action, "selected_option"), "value")
    return text(action, "value", default="")


def _chosen_outcome(values: Mapping[str, Any]) -> ids.ChosenOutcome | None:
    if ids.OUTCOME_BLOCK not in values:
        return None
    chooser = mapping(mapping(values, ids.OUTCOME_BLOCK), ids.OUTCOME_INPUT)
    return ids.ChosenOutcome.decode(text(mapping(chooser, "selected_option"), "value"))


def _chosen(tasks_block: Mapping[str, Any]) -> tuple[str, ...]:
    options = mapping(tasks_block, ids.TASKS_INPUT).get("selected_options") or []
    if not isinstance(options, list):
        raise PayloadError("selected_options")
    return tuple(text(option, "value") for option in options)


def _person(body: Body) -> Person:
    user = mapping(body, "user")
    name = user.get("username") or user.get("name")
    return Person(text(user, "id"), name if isinstance(name, str) else "")


def thread_of(body: Body) -> str | None:
    """The thread that an interaction's message stands in."""
    container = body.get("container")
    thread_ts = container.get("thread_ts") if isinstance(container, Mapping) else None
    return thread_ts if isinstance(thread_ts, str) else None
