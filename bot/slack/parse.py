"""Slack's payloads as records: the only place that looks into a body.

Each function raises PayloadError for a body of another shape; a front door answers that with
400. Nothing of a body stands in the error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.slack import ids, mrkdwn

Body = Mapping[str, Any]

PERSONS_SUBTYPES = (None, "thread_broadcast", "file_share")
"""Message events by which a person says something; all other subtypes report changes."""


class PayloadError(ValueError):
    """A body that is not of the shape that Slack documents; names the part that is not."""


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
    """A button of ours. `message_ts` is the message that it stands in."""

    action_id: str
    value: str
    channel: str
    message_ts: str
    thread_ts: str | None
    ephemeral: bool
    by: Person
    trigger_id: str


@dataclass(frozen=True, slots=True)
class Submission:
    """The revision modal, sent. `tasks` is empty where the modal asked for none."""

    view: ids.RevisionView
    text: str
    tasks: tuple[str, ...]
    asked_for_tasks: bool
    by: Person
    delivery: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The revision modal, closed without sending."""

    view: ids.RevisionView
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
        text=_text(body, "text", default=""),
        channel=_text(body, "channel_id"),
        by=Person(_text(body, "user_id"), _text(body, "user_name", default="")),
        delivery=_text(body, "trigger_id"),
    )


def click(body: Body) -> Click:
    action = _first(body, "actions")
    container = _mapping(body, "container")
    channel = _mapping(body, "channel") if body.get("channel") else container
    message = body.get("message")
    thread_ts = container.get("thread_ts")
    if thread_ts is None and isinstance(message, dict):
        thread_ts = message.get("thread_ts")
    return Click(
        action_id=_text(action, "action_id"),
        value=_text(action, "value", default=""),
        channel=_text(channel, "id" if channel is not container else "channel_id"),
        message_ts=_text(container, "message_ts"),
        thread_ts=thread_ts if isinstance(thread_ts, str) else None,
        ephemeral=container.get("is_ephemeral") is True,
        by=_person(body),
        trigger_id=_text(body, "trigger_id", default=""),
    )


def submission(body: Body) -> Submission:
    view = _mapping(body, "view")
    values = _mapping(_mapping(view, "state"), "values")
    words = _mapping(_mapping(values, ids.TEXT_BLOCK), ids.TEXT_INPUT).get("value")
    asked = ids.TASKS_BLOCK in values
    return Submission(
        view=_revision_view(view),
        text=words.strip() if isinstance(words, str) else "",
        tasks=_chosen(_mapping(values, ids.TASKS_BLOCK)) if asked else (),
        asked_for_tasks=asked,
        by=_person(body),
        delivery=f"view:{_text(view, 'id')}:{_text(view, 'hash', default='')}",
    )


def closed(body: Body) -> Closed:
    return Closed(view=_revision_view(_mapping(body, "view")), by=_person(body))


def said(body: Body, *, bot_user: str | None) -> Said | None:
    """None where nobody said anything: bots, edits, deletions, joins, the main channel."""
    event = _mapping(body, "event")
    if event.get("bot_id") or event.get("subtype") not in PERSONS_SUBTYPES or event.get("hidden"):
        return None
    user, thread_ts, ts = event.get("user"), event.get("thread_ts"), event.get("ts")
    if not isinstance(user, str) or not isinstance(thread_ts, str) or thread_ts == ts:
        return None
    text = _text(event, "text", default="")
    return Said(
        channel=_text(event, "channel"),
        thread_ts=thread_ts,
        ts=_text(event, "ts"),
        text=mrkdwn.to_plain(text, without_user=bot_user),
        mentions_bot=bot_user is not None and mrkdwn.mentions(text, bot_user),
        by=Person(user),
    )


def is_submission(body: Body) -> bool:
    return body.get("type") == "view_submission"


def is_event(body: Body) -> bool:
    return body.get("type") == "event_callback"


def answer_place(body: Body) -> tuple[str, str | None]:
    """Channel and thread of an event, where an answer to its author belongs."""
    event = _mapping(body, "event")
    thread_ts = event.get("thread_ts")
    return _text(event, "channel"), thread_ts if isinstance(thread_ts, str) else None


def author(body: Body) -> Person:
    """Who wrote the message that an event tells of."""
    return Person(_text(_mapping(body, "event"), "user"))


def _revision_view(view: Mapping[str, Any]) -> ids.RevisionView:
    try:
        return ids.RevisionView.decode(_text(view, "private_metadata"))
    except ids.IdError as problem:
        raise PayloadError("view.private_metadata") from problem


def _chosen(tasks_block: Mapping[str, Any]) -> tuple[str, ...]:
    options = _mapping(tasks_block, ids.TASKS_INPUT).get("selected_options") or []
    if not isinstance(options, list):
        raise PayloadError("selected_options")
    return tuple(_text(option, "value") for option in options)


def _person(body: Body) -> Person:
    user = _mapping(body, "user")
    name = user.get("username") or user.get("name")
    return Person(_text(user, "id"), name if isinstance(name, str) else "")


def _mapping(body: Body, name: str) -> Mapping[str, Any]:
    part = body.get(name) if isinstance(body, Mapping) else None
    if not isinstance(part, Mapping):
        raise PayloadError(name)
    return part


def _first(body: Body, name: str) -> Mapping[str, Any]:
    parts = body.get(name)
    if not isinstance(parts, list) or not parts or not isinstance(parts[0], Mapping):
        raise PayloadError(name)
    return parts[0]


def _text(body: Body, name: str, *, default: str | None = None) -> str:
    part = body.get(name, default) if isinstance(body, Mapping) else None
    if part is None and default is not None:
        return default
    if not isinstance(part, str):
        raise PayloadError(name)
    return part


def thread_of(body: Body) -> str | None:
    """The thread that an interaction's message stands in."""
    container = body.get("container")
    thread_ts = container.get("thread_ts") if isinstance(container, Mapping) else None
    return thread_ts if isinstance(thread_ts, str) else None


_KINDS = ("block_actions", "view_submission", "view_closed", "event_callback", "url_verification")
_SCALARS = ("token", "team_id", "user_id", "channel_id", "api_app_id", "trigger_id", "event_id")


def check(body: Body) -> None:
    """The shape that everything of Slack's has; PayloadError for anything else.

    What a front door checks before the framework sees a body, which trusts these parts.
    """
    for name in (*_SCALARS, "enterprise_id", "command", "text", "challenge", "response_url"):
        if not isinstance(body.get(name, ""), str | None):
            raise PayloadError(name)
    for name in ("team", "user", "enterprise", "channel", "view", "container", "message"):
        _check_part(body, name)
    _check_lists(body)
    kind = body.get("type")
    if kind is None:
        _check_form(body)
        return
    if kind not in _KINDS:
        raise PayloadError("type")
    if kind == "url_verification":
        _text(body, "challenge")
    elif kind == "event_callback":
        _check_event(_mapping(body, "event"))
    else:
        _text(_mapping(body, "user"), "id")
    if kind == "block_actions":
        action = _first(body, "actions")
        _text(action, "action_id")
        _text(action, "type")
        _text(action, "block_id", default="")
    elif kind in ("view_submission", "view_closed"):
        _text(_mapping(body, "view"), "callback_id")


def _check_form(body: Body) -> None:
    """A command, or Slack's own check of the certificate."""
    if body.get("ssl_check") == "1":
        return
    if not _text(body, "command").startswith("/"):
        raise PayloadError("command")
    command(body)


def _check_event(event: Body) -> None:
    _text(event, "type")
    for name in ("subtype", "user", "channel", "ts", "thread_ts", "bot_id", "text", "team"):
        _check_part(event, name)
    for name in ("message", "previous_message", "item"):
        _check_part(event, name)


def _check_part(body: Body, name: str) -> None:
    """Absent, a string, or an object whose ids are strings."""
    part = body.get(name)
    if part is None or isinstance(part, str):
        return
    if not isinstance(part, Mapping):
        raise PayloadError(name)
    for inner in ("id", "team_id", "enterprise_id", "user", "channel", "ts", "thread_ts"):
        if not isinstance(part.get(inner), str | None):
            raise PayloadError(f"{name}.{inner}")


def _check_lists(body: Body) -> None:
    """`authorizations` of events and `response_urls` of forms: absent, or lists of objects."""
    for name in ("authorizations", "response_urls"):
        listed = body.get(name)
        if listed is None:
            continue
        if not isinstance(listed, list):
            raise PayloadError(name)
        for item in listed:
            if not isinstance(item, Mapping):
                raise PayloadError(name)
            for inner in ("team_id", "enterprise_id", "user_id", "response_url", "channel_id"):
                if not isinstance(item.get(inner), str | None):
                    raise PayloadError(f"{name}.{inner}")
