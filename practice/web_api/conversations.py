"""conversations.*: channels, their members and their messages."""

from __future__ import annotations

from practice.state import serializers
from practice.state.errors import SlackError
from practice.state.records import Channel, Json, Message
from practice.web_api.call import READ_SCOPE, Call, Method

KINDS = {
    "public_channel": "channel",
    "private_channel": "group",
    "im": "im",
    "mpim": "mpim",
}


def _readable(call: Call, permission: str) -> Channel:
    """The channel, if the app has the scope for its type."""
    conversation = call.channel()
    call.require_scope(f"{READ_SCOPE[conversation.kind]}:{permission}")
    return conversation


def _shape(call: Call, conversation: Channel) -> Json:
    return serializers.channel(
        conversation, member=call.is_member(conversation), team_id=call.workspace.team_id
    )


def info(call: Call) -> Json:
    """As in Slack, no app finds a group direct message here, whatever its scopes."""
    conversation = _readable(call, "read")
    if conversation.is_mpim:
        raise SlackError("channel_not_found")
    shape = _shape(call, conversation)
    if not call.flag("include_num_members"):
        shape.pop("num_members", None)
    return {"channel": shape}


def members(call: Call) -> Json:
    conversation = _readable(call, "read")
    page, metadata = call.paginate([{"id": user} for user in conversation.members])
    return {"members": [member["id"] for member in page], "response_metadata": metadata}


def listing(call: Call) -> Json:
    types = [kind.strip() for kind in call.text("types", "public_channel").split(",")]
    if any(kind not in KINDS for kind in types):
        raise SlackError("invalid_types")
    kinds = {KINDS[kind] for kind in types}
    for kind in sorted(kinds):
        call.require_scope(f"{READ_SCOPE[kind]}:read")
    channels = [
        _shape(call, conversation)
        for conversation in call.workspace.channels.values()
        if conversation.kind in kinds
        and (conversation.kind == "channel" or call.is_member(conversation))
        and not (call.flag("exclude_archived") and conversation.is_archived)
    ]
    page, metadata = call.paginate(channels)
    return {"channels": page, "response_metadata": metadata}


def users_conversations(call: Call) -> Json:
    """users.conversations: the conversations of this user, or of the app."""
    types = [kind.strip() for kind in call.text("types", "public_channel").split(",")]
    kinds = {KINDS[kind] for kind in types if kind in KINDS}
    for kind in sorted(kinds):
        call.require_scope(f"{READ_SCOPE[kind]}:read")
    user = call.optional("user") or call.workspace.app.bot_user
    channels = [
        _shape(call, conversation)
        for conversation in call.workspace.channels.values()
        if conversation.kind in kinds and user in conversation.members
    ]
    page, metadata = call.paginate(channels)
    return {"channels": page, "response_metadata": metadata}


def _between(call: Call, messages: list[Message]) -> list[Message]:
    oldest, latest = call.text("oldest", "0"), call.text("latest")
    inclusive = call.flag("inclusive")
    selected = []
    for message in messages:
        ts = float(message.ts)
        after = ts > float(oldest or 0) or (inclusive and ts == float(oldest or 0))
        before = not latest or ts < float(latest) or (inclusive and ts == float(latest))
        if after and before:
            selected.append(message)
    return selected


def _messages_json(call: Call, messages: list[Message]) -> list[Json]:
    metadata = call.flag("include_all_metadata")
    return [
        serializers.message(call.workspace, message, call.base_url, metadata=metadata)
        for message in messages
    ]


def history(call: Call) -> Json:
    conversation = _readable(call, "history")
    if not call.is_member(conversation):
        raise SlackError("not_in_channel")
    messages = [
        message
        for message in reversed(call.workspace.messages[conversation.id].values())
        if not message.is_reply or message.broadcast
    ]
    page, metadata = call.paginate(_messages_json(call, _between(call, messages)))
    return {
        "messages": page,
        "has_more": bool(metadata["next_cursor"]),
        "pin_count": 0,
        "response_metadata": metadata,
    }


def replies(call: Call) -> Json:
    """A thread: its root, then its replies, oldest first."""
    conversation = _readable(call, "history")
    if not call.is_member(conversation):
        raise SlackError("not_in_channel")
    message = call.workspace.find(conversation.id, call.required("ts"))
    if message is None:
        raise SlackError("thread_not_found")
    root = (
        call.workspace.find(conversation.id, message.thread_ts or "")
        if message.is_reply
        else message
    )
    thread = ([root] if root is not None else []) + _between(
        call, call.workspace.replies(conversation.id, message.thread_ts or message.ts)
    )
    page, metadata = call.paginate(_messages_json(call, thread), default=1000)
    return {
        "messages": page,
        "has_more": bool(metadata["next_cursor"]),
        "response_metadata": metadata,
    }


def open_im(call: Call) -> Json:
    users = call.required("users").split(",")
    if len(users) != 1:
        raise SlackError("too_many_users")
    person = call.workspace.users.get(users[0])
    if person is None or person.is_bot:
        raise SlackError("user_not_found")
    conversation = call.workspace.im_with(person.id)
    shape = _shape(call, conversation) if call.flag("return_im") else {"id": conversation.id}
    return {"channel": shape}


def join(call: Call) -> Json:
    conversation = call.channel()
    if conversation.is_archived:
        raise SlackError("is_archived")
    if conversation.kind != "channel":
        raise SlackError("method_not_supported_for_channel_type")
    call.workspace.join(conversation, call.workspace.app.bot_user)
    return {"channel": _shape(call, conversation)}


METHODS = {
    "conversations.info": Method(info),
    "conversations.members": Method(members),
    "conversations.list": Method(listing),
    "users.conversations": Method(users_conversations),
    "conversations.history": Method(history),
    "conversations.replies": Method(replies),
    "conversations.open": Method(open_im, ("im:write",)),
    "conversations.join": Method(join, ("channels:join",)),
}
