"""conversations.*: channels, their members and what was said in them."""

from __future__ import annotations

from practice import shapes
from practice.api.call import READ_SCOPE, Call, Method
from practice.errors import SlackError
from practice.records import Channel, Json, Message

KINDS = {"public_channel": "channel", "private_channel": "group", "im": "im"}


def _readable(call: Call, what: str) -> Channel:
    """The channel, if the app holds the scope for its kind."""
    place = call.channel()
    call.needs(f"{READ_SCOPE[place.kind]}:{what}")
    return place


def _shape(call: Call, place: Channel) -> Json:
    return shapes.channel(place, member=call.is_member(place), team_id=call.workspace.team_id)


def info(call: Call) -> Json:
    place = _readable(call, "read")
    shape = _shape(call, place)
    if not call.flag("include_num_members"):
        shape.pop("num_members", None)
    return {"channel": shape}


def members(call: Call) -> Json:
    place = _readable(call, "read")
    page, metadata = call.paged([{"id": user} for user in place.members])
    return {"members": [found["id"] for found in page], "response_metadata": metadata}


def listing(call: Call) -> Json:
    wanted = [kind.strip() for kind in call.text("types", "public_channel").split(",")]
    if any(kind not in KINDS and kind != "mpim" for kind in wanted):
        raise SlackError("invalid_types")
    kinds = {KINDS[kind] for kind in wanted if kind in KINDS}
    for kind in sorted(kinds):
        call.needs(f"{READ_SCOPE[kind]}:read")
    found = [
        _shape(call, place)
        for place in call.workspace.channels.values()
        if place.kind in kinds
        and (place.kind == "channel" or call.is_member(place))
        and not (call.flag("exclude_archived") and place.is_archived)
    ]
    page, metadata = call.paged(found)
    return {"channels": page, "response_metadata": metadata}


def of_user(call: Call) -> Json:
    """users.conversations: the places that this user, or the app, is a member of."""
    wanted = [kind.strip() for kind in call.text("types", "public_channel").split(",")]
    kinds = {KINDS[kind] for kind in wanted if kind in KINDS}
    for kind in sorted(kinds):
        call.needs(f"{READ_SCOPE[kind]}:read")
    user = call.optional("user") or call.workspace.app.bot_user
    found = [
        _shape(call, place)
        for place in call.workspace.channels.values()
        if place.kind in kinds and user in place.members
    ]
    page, metadata = call.paged(found)
    return {"channels": page, "response_metadata": metadata}


def _between(call: Call, messages: list[Message]) -> list[Message]:
    oldest, latest = call.text("oldest", "0"), call.text("latest")
    inclusive = call.flag("inclusive")
    kept = []
    for message in messages:
        ts = float(message.ts)
        after = ts > float(oldest or 0) or (inclusive and ts == float(oldest or 0))
        before = not latest or ts < float(latest) or (inclusive and ts == float(latest))
        if after and before:
            kept.append(message)
    return kept


def _said(call: Call, messages: list[Message]) -> list[Json]:
    metadata = call.flag("include_all_metadata")
    return [
        shapes.message(call.workspace, message, call.base_url, metadata=metadata)
        for message in messages
    ]


def history(call: Call) -> Json:
    place = _readable(call, "history")
    if not call.is_member(place):
        raise SlackError("not_in_channel")
    shown = [
        message
        for message in reversed(call.workspace.messages[place.id].values())
        if not message.is_reply or message.broadcast
    ]
    page, metadata = call.paged(_said(call, _between(call, shown)))
    return {
        "messages": page,
        "has_more": bool(metadata["next_cursor"]),
        "pin_count": 0,
        "response_metadata": metadata,
    }


def replies(call: Call) -> Json:
    """A thread: its root first, then its replies, oldest first."""
    place = _readable(call, "history")
    if not call.is_member(place):
        raise SlackError("not_in_channel")
    named = call.workspace.find(place.id, call.required("ts"))
    if named is None:
        raise SlackError("thread_not_found")
    root = call.workspace.find(place.id, named.thread_ts or "") if named.is_reply else named
    thread = ([root] if root is not None else []) + _between(
        call, call.workspace.replies(place.id, named.thread_ts or named.ts)
    )
    page, metadata = call.paged(_said(call, thread), default=1000)
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
    place = call.workspace.im_with(person.id)
    shape = _shape(call, place) if call.flag("return_im") else {"id": place.id}
    return {"channel": shape}


def join(call: Call) -> Json:
    place = call.channel()
    if place.is_archived:
        raise SlackError("is_archived")
    if place.kind != "channel":
        raise SlackError("method_not_supported_for_channel_type")
    call.workspace.join(place, call.workspace.app.bot_user)
    return {"channel": _shape(call, place)}


METHODS = {
    "conversations.info": Method(info),
    "conversations.members": Method(members),
    "conversations.list": Method(listing),
    "users.conversations": Method(of_user),
    "conversations.history": Method(history),
    "conversations.replies": Method(replies),
    "conversations.open": Method(open_im, ("im:write",)),
    "conversations.join": Method(join, ("channels:join",)),
}
