"""views.*: modals opened by a trigger id, and App Homes."""

from __future__ import annotations

from practice import blockids, shapes
from practice.api.call import Call, Method
from practice.api.chat import refused_blocks
from practice.errors import SlackError
from practice.limits import check_view
from practice.records import Json


def checked(definition: object, *, kinds: tuple[str, ...] = ("modal",)) -> Json:
    """A view definition within Slack's limits, its blocks named."""
    if not isinstance(definition, dict):
        raise SlackError("invalid_arguments")
    if definition.get("type") not in kinds:
        raise SlackError("invalid_arguments")
    problems = check_view(definition)
    if problems:
        refused = refused_blocks(problems)
        raise SlackError("invalid_arguments", **refused.details)
    return definition | {"blocks": blockids.named(definition["blocks"])}


def _definition(call: Call, kind: str) -> Json:
    return checked(call.decoded("view", error="invalid_arguments"), kinds=(kind,))


def open_view(call: Call) -> Json:
    definition = _definition(call, "modal")
    user, _ = call.triggers.exchange(call.required("trigger_id"))
    return {"view": shapes.view(call.workspace, call.views.open(user, definition))}


def push(call: Call) -> Json:
    definition = _definition(call, "modal")
    user, _ = call.triggers.exchange(call.required("trigger_id"))
    return {"view": shapes.view(call.workspace, call.views.push(user, definition))}


def update(call: Call) -> Json:
    definition = _definition(call, "modal")
    view = call.views.find(
        view_id=call.optional("view_id"), external_id=call.optional("external_id")
    )
    call.views.update(view, definition, hash_=call.optional("hash"))
    return {"view": shapes.view(call.workspace, view)}


def publish(call: Call) -> Json:
    definition = _definition(call, "home")
    user = call.required("user_id")
    if user not in call.workspace.users:
        raise SlackError("user_not_found")
    if not call.workspace.app.home_tab:
        raise SlackError("not_enabled")
    home = call.views.publish(user, definition, hash_=call.optional("hash"))
    return {"view": shapes.view(call.workspace, home)}


METHODS = {
    "views.open": Method(open_view),
    "views.push": Method(push),
    "views.update": Method(update),
    "views.publish": Method(publish),
}
