"""Slack's payloads as records: the only place that reads a body.

Each function raises PayloadError if a body has another shape, which is answered with 400. The
error contains no part of the body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.slack import ids
from bot.slack.inbound.payload_shape import Body, PayloadError, first, mapping, text
from storage.records import MessageRef


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
    channel_name: str = ""

    @property
    def place(self) -> Place:
        return Place(self.channel, self.channel_name)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was typed or clicked: a channel, and its name as the payload has it."""

    channel: str
    name: str = ""

    @property
    def is_direct(self) -> bool:
        """Whether it is a direct message with one or several people."""
        return self.channel.startswith("D") or self.name.startswith("mpdm-")


@dataclass(frozen=True, slots=True)
class ClickedView:
    """The view that contains a button that was clicked.

    `about` is None unless it is a modal about a checkpoint.
    """

    id: str
    callback_id: str
    is_modal: bool
    about: ids.FormView | None


@dataclass(frozen=True, slots=True)
class Click:
    """A click on one of our buttons or menus. `message_ts` is the message that contains it.

    `listed`: the button is not on a card but in a list of checkpoints, a Home or an inbox. In a
    view, `channel` and `message_ts` are empty.
    """

    action_id: str
    value: str
    channel: str
    message_ts: str
    thread_ts: str | None
    by: Person
    trigger_id: str
    listed: bool = False
    view: ClickedView | None = None

    @property
    def card(self) -> MessageRef | None:
        """The card that was clicked; None for a click in a list."""
        return None if self.listed else MessageRef(self.channel, self.message_ts)

    @property
    def in_modal(self) -> bool:
        return self.view is not None and self.view.is_modal


@dataclass(frozen=True, slots=True)
class TypedWords:
    """What a person entered in one field of a modal, under the field's label."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Submission:
    """A submitted modal. `tasks` is empty and `outcome` None if the modal did not ask for them.

    `fields` are the values of a checkpoint's form or the parts of an edited text, by `block_id`;
    of a menu, the value of the option.
    """

    view: ids.FormView
    text: str
    tasks: tuple[str, ...]
    by: Person
    delivery: str
    outcome: ids.ChosenOutcome | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FormClosed:
    """The revision modal, closed without submitting it."""

    view: ids.FormView
    by: Person


def command(body: Body) -> CommandCall:
    return CommandCall(
        text=text(body, "text", default=""),
        channel=text(body, "channel_id"),
        by=Person(text(body, "user_id"), text(body, "user_name", default="")),
        delivery=text(body, "trigger_id"),
        channel_name=text(body, "channel_name", default=""),
    )


def click(body: Body) -> Click:
    action = first(body, "actions")
    container = mapping(body, "container")
    in_view = container.get("type") == "view"
    channel = mapping(body, "channel") if body.get("channel") else container
    message = body.get("message")
    thread_ts = container.get("thread_ts")
    if thread_ts is None and isinstance(message, dict):
        thread_ts = message.get("thread_ts")
    return Click(
        action_id=text(action, "action_id"),
        value=value_of(action),
        channel=text(
            channel,
            "id" if channel is not container else "channel_id",
            default="" if in_view else None,
        ),
        message_ts=text(container, "message_ts", default="" if in_view else None),
        thread_ts=thread_ts if isinstance(thread_ts, str) else None,
        by=person_of(body),
        trigger_id=text(body, "trigger_id", default=""),
        listed=in_view or container.get("is_ephemeral") is True,
        view=_clicked_view(mapping(body, "view")) if in_view else None,
    )


def _clicked_view(view: Mapping[str, Any]) -> ClickedView:
    callback_id = text(view, "callback_id", default="")
    return ClickedView(
        id=text(view, "id"),
        callback_id=callback_id,
        is_modal=view.get("type") == "modal",
        about=_form_view(view) if callback_id in _ABOUT_CHECKPOINTS else None,
    )


def submission(body: Body) -> Submission:
    view = mapping(body, "view")
    values = mapping(mapping(view, "state"), "values")
    value = None
    for block_id in values:
        if block_id.startswith(ids.TEXT_BLOCK):
            value = mapping(mapping(values, block_id), ids.TEXT_INPUT).get("value")
    return Submission(
        view=_form_view(view),
        text=value.strip() if isinstance(value, str) else "",
        tasks=_chosen_tasks(values),
        by=person_of(body),
        delivery=delivery_of(view),
        outcome=_chosen_outcome(values),
        fields=_fields(values),
    )


def _fields(values: Mapping[str, Any]) -> dict[str, str]:
    """What was entered in fields that hold a form's values or parts of a text, untrimmed."""
    return {
        block_id: _entered_as_is(mapping(mapping(values, block_id), block_id))
        for block_id in values
        if block_id.startswith((ids.FIELD_PREFIX, ids.EDIT_PREFIX))
    }


def typed_words(body: Body) -> tuple[TypedWords, ...]:
    """What a person typed or chose in a modal, field by field; empty fields are left out."""
    view = mapping(body, "view")
    values = mapping(mapping(view, "state"), "values")
    blocks = view.get("blocks")
    words = []
    for block in blocks if isinstance(blocks, list) else ():
        if not isinstance(block, Mapping) or block.get("type") != "input":
            continue
        block_id = text(block, "block_id")
        if block_id not in values:
            continue
        label = text(mapping(block, "label"), "text", default="")
        for element in mapping(values, block_id).values():
            shown = _shown_in(element) if isinstance(element, Mapping) else ""
            words += [TypedWords(label, shown)] if shown.strip() else []
    return tuple(words)


def _shown_in(element: Mapping[str, Any]) -> str:
    """What a person reads in a field: its text, or the options that are chosen."""
    options = element.get("selected_options") or [element.get("selected_option")]
    chosen = [
        text(mapping(option, "text"), "text", default="")
        for option in options
        if isinstance(option, Mapping)
    ]
    return ", ".join(chosen) or _entered_as_is(element)


def view_kind(body: Body) -> str:
    """`callback_id` of the modal that was submitted."""
    return text(mapping(body, "view"), "callback_id", default="")


def is_form_of_a_checkpoint(body: Body) -> bool:
    """Whether a submitted modal is about a checkpoint, which its metadata names."""
    return is_submission(body) and view_kind(body) in _ABOUT_CHECKPOINTS


_ABOUT_CHECKPOINTS = frozenset(
    {
        ids.REVISION_VIEW,
        ids.ANSWER_VIEW,
        ids.OUTCOME_VIEW,
        ids.FORM_VIEW,
        ids.EDIT_VIEW,
        ids.EARLIER_VIEW,
        ids.READ_VIEW,
        ids.CHANGES_VIEW,
    }
)


def first_input(body: Body) -> str | None:
    """`block_id` of a modal's first field."""
    blocks = mapping(body, "view").get("blocks")
    for block in blocks if isinstance(blocks, list) else ():
        if isinstance(block, Mapping) and block.get("type") == "input":
            return text(block, "block_id")
    return None


def entered(element: Mapping[str, Any]) -> str:
    """The text that was entered or chosen in a field; empty if there is none."""
    return _entered_as_is(element).strip()


def _entered_as_is(element: Mapping[str, Any]) -> str:
    if element.get("selected_option") is not None:
        return text(mapping(element, "selected_option"), "value")
    key = _VALUE_KEYS.get(text(element, "type", default=""), "value")
    return text(element, key, default="")


_VALUE_KEYS = {"datepicker": "selected_date", "conversations_select": "selected_conversation"}


def delivery_of(view: Mapping[str, Any]) -> str:
    return f"view:{text(view, 'id')}:{text(view, 'hash', default='')}"


def form_closed(body: Body) -> FormClosed:
    return FormClosed(view=_form_view(mapping(body, "view")), by=person_of(body))


def is_command(body: Body) -> bool:
    return body.get("command") == ids.COMMAND


def is_submission(body: Body) -> bool:
    return body.get("type") == "view_submission"


def is_in_view(body: Body) -> bool:
    """Whether this is a click in a modal or in the Home tab, which have no response URL."""
    return body.get("type") == "block_actions" and isinstance(body.get("view"), Mapping)


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


def value_of(action: Mapping[str, Any]) -> str:
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


def person_of(body: Body) -> Person:
    user = mapping(body, "user")
    name = user.get("username") or user.get("name")
    return Person(text(user, "id"), name if isinstance(name, str) else "")


def thread_of(body: Body) -> str | None:
    """The thread of an interaction's message, if it is in one."""
    container = body.get("container") or body.get("message")
    thread_ts = container.get("thread_ts") if isinstance(container, Mapping) else None
    return thread_ts if isinstance(thread_ts, str) else None
