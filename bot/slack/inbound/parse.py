"""Slack's payloads as records: the only place that reads a body.

Each function raises PayloadError if a body has another shape, which is answered with 400. The
error contains no part of the body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.slack import ids
from bot.slack.inbound import mrkdwn
from bot.slack.inbound.payload_shape import Body, PayloadError, first, mapping, text

HUMAN_SUBTYPES = (None, "thread_broadcast", "file_share", "me_message")
"""Message events that carry a person's words; all other subtypes report changes."""


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
    """A click on one of our buttons or menus. `message_ts` is the message that contains it."""

    action_id: str
    value: str
    channel: str
    message_ts: str
    thread_ts: str | None
    by: Person
    trigger_id: str


@dataclass(frozen=True, slots=True)
class Submission:
    """A submitted modal. `tasks` is empty and `outcome` None if the modal did not ask for them."""

    view: ids.FormView
    text: str
    tasks: tuple[str, ...]
    by: Person
    delivery: str
    outcome: ids.ChosenOutcome | None = None


@dataclass(frozen=True, slots=True)
class StartSubmission:
    """A submitted form with a crew's inputs: the text of each field that is filled, by input."""

    view: ids.StartView
    values: Mapping[str, str]
    by: Person
    delivery: str


@dataclass(frozen=True, slots=True)
class FormClosed:
    """The revision modal, closed without submitting it."""

    view: ids.FormView
    by: Person


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file of a message, as Slack describes it.

    `is_elsewhere`: another service has it, or Slack no longer shows it.
    """

    name: str
    mimetype: str
    size: int
    url: str
    is_elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """What a message says: its mrkdwn as Slack sends it, and its files. See `People.words`."""

    mrkdwn: str
    files: tuple[AttachedFile, ...] = ()


@dataclass(frozen=True, slots=True)
class ThreadReply:
    """What a person wrote in a thread."""

    channel: str
    thread_ts: str
    ts: str
    written: Written
    mentions_bot: bool
    by: Person


@dataclass(frozen=True, slots=True)
class EditedReply:
    """A reply in a thread whose author has changed its words."""

    channel: str
    thread_ts: str
    ts: str
    before: Written
    after: Written
    by: Person
    edited_ts: str


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
    value = mapping(mapping(values, ids.TEXT_BLOCK), ids.TEXT_INPUT).get("value")
    return Submission(
        view=_form_view(view),
        text=value.strip() if isinstance(value, str) else "",
        tasks=_chosen_tasks(values),
        by=_person(body),
        delivery=_delivery_of(view),
        outcome=_chosen_outcome(values),
    )


def start_submission(body: Body) -> StartSubmission:
    view = mapping(body, "view")
    fields = mapping(mapping(view, "state"), "values")
    values: dict[str, str] = {}
    for block_id in fields:
        if block_id.startswith(ids.INPUT_BLOCK_PREFIX):
            name = block_id.removeprefix(ids.INPUT_BLOCK_PREFIX)
            value = _entered(mapping(mapping(fields, block_id), name))
            values |= {name: value} if value else {}
    try:
        about = ids.StartView.decode(text(view, "private_metadata"))
    except ids.IdError as error:
        raise PayloadError("view.private_metadata") from error
    return StartSubmission(about, values, _person(body), _delivery_of(view))


def _entered(element: Mapping[str, Any]) -> str:
    """The text that was entered or chosen in a field; empty if there is none."""
    if element.get("selected_option") is not None:
        return text(mapping(element, "selected_option"), "value")
    key = "selected_date" if element.get("type") == "datepicker" else "value"
    return text(element, key, default="").strip()


def _delivery_of(view: Mapping[str, Any]) -> str:
    return f"view:{text(view, 'id')}:{text(view, 'hash', default='')}"


def form_closed(body: Body) -> FormClosed:
    return FormClosed(view=_form_view(mapping(body, "view")), by=_person(body))


def thread_reply(body: Body, *, bot_user: str | None) -> ThreadReply | None:
    """None unless a person wrote in a thread: bots, edits, deletions and joins do not count."""
    event = mapping(body, "event")
    if event.get("bot_id") or event.get("subtype") not in HUMAN_SUBTYPES or event.get("hidden"):
        return None
    user, thread_ts, ts = event.get("user"), event.get("thread_ts"), event.get("ts")
    if not isinstance(user, str) or not isinstance(thread_ts, str) or thread_ts == ts:
        return None
    said = written(event)
    return ThreadReply(
        channel=text(event, "channel"),
        thread_ts=thread_ts,
        ts=text(event, "ts"),
        written=said,
        mentions_bot=bot_user is not None and mrkdwn.mentions(said.mrkdwn, bot_user),
        by=Person(user),
    )


def edited_reply(body: Body) -> EditedReply | None:
    """None unless a person has changed the words of their own reply in a thread."""
    event = mapping(body, "event")
    if event.get("subtype") != "message_changed":
        return None
    message, previous = mapping(event, "message"), event.get("previous_message")
    if not isinstance(previous, Mapping) or message.get("bot_id") or "edited" not in message:
        return None
    user, thread_ts, ts = message.get("user"), message.get("thread_ts"), message.get("ts")
    if not isinstance(user, str) or not isinstance(thread_ts, str) or thread_ts == ts:
        return None
    before, after = written(previous), written(message)
    if before.mrkdwn == after.mrkdwn:
        return None
    return EditedReply(
        channel=text(event, "channel"),
        thread_ts=thread_ts,
        ts=text(message, "ts"),
        before=before,
        after=after,
        by=Person(user),
        edited_ts=text(mapping(message, "edited"), "ts"),
    )


def written(message: Mapping[str, Any]) -> Written:
    """The words and files of a message."""
    files = message.get("files") or []
    if not isinstance(files, list):
        raise PayloadError("files")
    described = (_attached(file) for file in files if isinstance(file, Mapping))
    return Written(text(message, "text", default=""), tuple(described))


def _attached(file: Mapping[str, Any]) -> AttachedFile:
    size = file.get("size")
    url = text(file, "url_private", default="")
    gone = file.get("mode") in ("tombstone", "hidden_by_limit", "external")
    return AttachedFile(
        name=text(file, "name", default="") or text(file, "title", default="") or "file",
        mimetype=text(file, "mimetype", default=""),
        size=size if isinstance(size, int) else 0,
        url=url,
        is_elsewhere=bool(gone or file.get("is_external") or not url),
    )


def is_start_submission(body: Body) -> bool:
    view = body.get("view")
    return (
        is_submission(body)
        and isinstance(view, Mapping)
        and (view.get("callback_id") == ids.START_VIEW)
    )


def is_command(body: Body) -> bool:
    return body.get("command") == ids.COMMAND


def is_submission(body: Body) -> bool:
    return body.get("type") == "view_submission"


def is_event(body: Body) -> bool:
    return body.get("type") == "event_callback"


def event_location(body: Body) -> tuple[str, str | None]:
    """The channel and thread of an event, in which its author gets the answer."""
    event = mapping(body, "event")
    thread_ts = event.get("thread_ts")
    return text(event, "channel"), thread_ts if isinstance(thread_ts, str) else None


def event_author(body: Body) -> Person:
    """The person who wrote the message of an event."""
    return Person(text(mapping(body, "event"), "user"))


def _form_view(view: Mapping[str, Any]) -> ids.FormView:
    try:
        return ids.FormView.decode(text(view, "private_metadata"))
    except ids.IdError as error:
        raise PayloadError("view.private_metadata") from error


def _value(action: Mapping[str, Any]) -> str:
    """The value of a button, or of the option chosen in a menu."""
    if action.get("selected_option") is not None:
        return text(mapping(action, "selected_option"), "value")
    return text(action, "value", default="")


def _chosen_outcome(values: Mapping[str, Any]) -> ids.ChosenOutcome | None:
    if ids.OUTCOME_BLOCK not in values:
        return None
    chooser = mapping(mapping(values, ids.OUTCOME_BLOCK), ids.OUTCOME_INPUT)
    return ids.ChosenOutcome.decode(text(mapping(chooser, "selected_option"), "value"))


def _chosen_tasks(values: Mapping[str, Any]) -> tuple[str, ...]:
    if ids.TASKS_BLOCK not in values:
        return ()
    options = (
        mapping(mapping(values, ids.TASKS_BLOCK), ids.TASKS_INPUT).get("selected_options") or []
    )
    if not isinstance(options, list):
        raise PayloadError("selected_options")
    return tuple(text(option, "value") for option in options)


def _person(body: Body) -> Person:
    user = mapping(body, "user")
    name = user.get("username") or user.get("name")
    return Person(text(user, "id"), name if isinstance(name, str) else "")


def thread_of(body: Body) -> str | None:
    """The thread of an interaction's message, if it is in one."""
    container = body.get("container")
    thread_ts = container.get("thread_ts") if isinstance(container, Mapping) else None
    return thread_ts if isinstance(thread_ts, str) else None
