"""The form that starts a run as records, read as `parse` reads other payloads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.slack import ids
from bot.slack.inbound.parse import (
    Person,
    delivery_of,
    entered,
    is_submission,
    person_of,
    value_of,
)
from bot.slack.inbound.payload_shape import Body, PayloadError, first, mapping, text


@dataclass(frozen=True, slots=True)
class StartSubmission:
    """A submitted form with a crew's inputs: the text of each field that is filled, by input.

    `view` is where the form was opened, with the channel and the language that were chosen in it.
    `shown_crew` is the one whose fields the form showed: another one may have been chosen since.
    `left_out` are the numbers of the checkpoints to leave out; None if the form did not ask.
    """

    view: ids.StartView
    values: Mapping[str, str]
    by: Person
    delivery: str
    shown_crew: str = ""
    left_out: tuple[int, ...] | None = None
    asks_place: bool = False


@dataclass(frozen=True, slots=True)
class CrewChoice:
    """A crew or a channel, chosen in the form that starts a run, and what the form holds so far.

    `sent.view` has the choice.
    """

    sent: StartSubmission
    view_id: str
    view_hash: str


def start_submission(body: Body) -> StartSubmission:
    view = mapping(body, "view")
    fields = mapping(mapping(view, "state"), "values")
    values: dict[str, str] = {}
    for block_id in fields:
        if block_id.startswith(ids.INPUT_BLOCK_PREFIX):
            name = block_id.removeprefix(ids.INPUT_BLOCK_PREFIX)
            value = entered(mapping(mapping(fields, block_id), name))
            values |= {name: value} if value else {}
    try:
        about = ids.StartView.decode(text(view, "private_metadata"))
    except ids.IdError as error:
        raise PayloadError("view.private_metadata") from error
    return StartSubmission(
        view=replace(
            about,
            crew=_field(fields, ids.CREW_BLOCK, ids.ActionId.START_CREW) or about.crew,
            channel=_field(fields, ids.PLACE_BLOCK, ids.PLACE_INPUT) or about.channel,
            language=_field(fields, ids.LANGUAGE_BLOCK, ids.LANGUAGE_INPUT) or about.language,
        ),
        values=values,
        by=person_of(body),
        delivery=delivery_of(view),
        shown_crew=about.crew,
        left_out=_left_out(fields),
        asks_place=ids.PLACE_BLOCK in fields,
    )


def crew_choice(body: Body) -> CrewChoice:
    view = mapping(body, "view")
    action, sent = first(body, "actions"), start_submission(body)
    if action.get("action_id") == ids.ActionId.START_CREW:
        chosen = replace(sent.view, crew=value_of(action))
    else:
        chosen = replace(sent.view, channel=entered(action) or sent.view.channel)
    return CrewChoice(
        sent=replace(sent, view=chosen),
        view_id=text(view, "id"),
        view_hash=text(view, "hash", default=""),
    )


def _field(fields: Mapping[str, Any], block_id: str, action_id: str) -> str:
    """What was entered in a field; empty if the form has no such field."""
    return entered(mapping(mapping(fields, block_id), action_id)) if block_id in fields else ""


def _left_out(fields: Mapping[str, Any]) -> tuple[int, ...] | None:
    if ids.LEFT_OUT_BLOCK not in fields:
        return None
    element = mapping(mapping(fields, ids.LEFT_OUT_BLOCK), ids.LEFT_OUT_INPUT)
    options = element.get("selected_options") or []
    if not isinstance(options, list):
        raise PayloadError("selected_options")
    try:
        return tuple(int(text(option, "value")) for option in options)
    except ValueError:
        raise PayloadError("selected_options") from None


def is_start_submission(body: Body) -> bool:
    view = body.get("view")
    return (
        is_submission(body)
        and isinstance(view, Mapping)
        and (view.get("callback_id") == ids.START_VIEW)
    )
