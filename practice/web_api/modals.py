"""views.*: modals, which need a trigger id, and App Homes."""

from __future__ import annotations

from practice.limits import check_view
from practice.state import block_ids, serializers
from practice.state.errors import SlackError
from practice.state.records import Json
from practice.web_api.call import Call, Method
from practice.web_api.chat import blocks_error


def checked_view(definition: object, *, kinds: tuple[str, ...] = ("modal",)) -> Json:
    """Check a view definition against Slack's limits and assign ids to its blocks."""
    if not isinstance(definition, dict):
        raise SlackError("invalid_arguments")
    if definition.get("type") not in kinds:
        raise SlackError("invalid_arguments")
    problems = check_view(definition)
    if problems:
        raise SlackError("invalid_arguments", **blocks_error(problems).details)
    return definition | {"blocks": block_ids.with_ids(definition["blocks"])}


def _definition(call: Call, kind: str) -> Json:
    return checked_view(call.json_argument("view", error="invalid_arguments"), kinds=(kind,))


def open_view(call: Call) -> Json:
    definition = _definition(call, "modal")
    user, _ = call.triggers.exchange(call.required("trigger_id"))
    return {"view": serializers.view(call.workspace, call.views.open(user, definition))}


def push(call: Call) -> Json:
    definition = _definition(call, "modal")
    user, _ = call.triggers.exchange(call.required("trigger_id"))
    return {"view": serializers.view(call.workspace, call.views.push(user, definition))}


def update(call: Call) -> Json:
    definition = _definition(call, "modal")
    view = call.views.find(
        view_id=call.optional("view_id"), external_id=call.optional("external_id")
    )
    call.views.update(view, definition, hash_=call.optional("hash"))
    return {"view": serializers.view(call.workspace, view)}


def publish(call: Call) -> Json:
    definition = _definition(call, "home")
    user = call.required("user_id")
    if user not in call.workspace.users:
        raise SlackError("user_not_found")
    if not call.workspace.app.home_tab:
        raise SlackError("not_enabled")
    home = call.views.publish(user, definition, hash_=call.optional("hash"))
    return {"view": serializers.view(call.workspace, home)}


METHODS = {
    "views.open": Method(open_view),
    "views.push": Method(push),
    "views.update": Method(update),
    "views.publish": Method(publish),
}
