"""assistant.threads.setStatus: the line under a thread that says what the app is doing."""

from __future__ import annotations

from practice.state.errors import SlackError
from practice.state.records import Json
from practice.web_api.call import Call, Method


def set_status(call: Call) -> Json:
    """Show a status under a thread in any conversation; an empty one removes it."""
    conversation = call.channel("channel_id")
    if not call.is_member(conversation):
        raise SlackError("channel_not_found")
    thread_ts = call.required("thread_ts")
    if call.workspace.find(conversation.id, thread_ts) is None:
        raise SlackError("invalid_thread_ts")
    if "status" not in call.arguments:
        raise SlackError("invalid_arguments")
    call.workspace.set_thread_status(conversation.id, thread_ts, call.text("status"))
    return {}


METHODS = {
    "assistant.threads.setStatus": Method(set_status, ("chat:write", "assistant:write")),
}
