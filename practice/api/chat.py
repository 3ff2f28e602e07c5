"""chat.*: posting, changing and removing messages."""

from __future__ import annotations

from practice import shapes
from practice.api.call import Call, Method
from practice.errors import SlackError
from practice.limits import check_message, check_metadata
from practice.limits.problems import Problem
from practice.records import Channel, Json, Message

TEXT_LIMIT = 40_000


def refused_blocks(problems: list[Problem]) -> SlackError:
    """Slack's `invalid_blocks`, or its word for a message that is too big as a whole."""
    whole = [problem.error for problem in problems if problem.error != "invalid_blocks"]
    if whole:
        return SlackError(whole[0])
    said = [f"[ERROR] {problem.text} [json-pointer:{problem.pointer}]" for problem in problems]
    return SlackError(
        "invalid_blocks", errors=[text[8:] for text in said], response_metadata={"messages": said}
    )


def blocks_of(call: Call) -> list[Json] | None:
    blocks = call.decoded("blocks", error="invalid_blocks_format")
    if blocks is None:
        return None
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise SlackError("invalid_blocks_format")
    return blocks


def metadata_of(call: Call) -> Json | None:
    metadata = call.decoded("metadata", error="invalid_metadata_format")
    if metadata is None:
        return None
    problems = check_metadata(metadata)
    if problems or not isinstance(metadata, dict):
        raise SlackError(problems[0].error if problems else "invalid_metadata_format")
    return metadata


def content_of(call: Call) -> tuple[str, list[Json] | None]:
    """The text and blocks of a message, checked against Slack's limits."""
    text, blocks = call.text("text"), blocks_of(call)
    if not text.strip() and not blocks:
        raise SlackError("no_text")
    if len(text) > TEXT_LIMIT:
        raise SlackError("msg_too_long")
    problems = check_message(text, blocks)
    if problems:
        raise refused_blocks(problems)
    return text, blocks


def place_for_posting(call: Call) -> Channel:
    place = call.channel()
    if place.is_archived:
        raise SlackError("is_archived")
    if not call.is_member(place) and "chat:write.public" not in call.workspace.app.scopes:
        raise SlackError("not_in_channel")
    return place


def thread_of(call: Call, place: Channel) -> str | None:
    """The thread to reply in; a reply's own timestamp leads to its thread."""
    wanted = call.optional("thread_ts")
    if wanted is None:
        return None
    root = call.workspace.find(place.id, wanted)
    if root is None:
        raise SlackError("thread_not_found")
    return root.thread_ts if root.is_reply else root.ts


def own_message(call: Call, place: Channel, *, error: str) -> Message:
    ts = call.required("ts")
    message = call.workspace.find(place.id, ts)
    if message is None:
        raise SlackError("message_not_found")
    if message.user != call.workspace.app.bot_user or message.subtype is not None:
        raise SlackError(error)
    return message


def post_message(call: Call) -> Json:
    place = place_for_posting(call)
    text, blocks = content_of(call)
    message = call.workspace.post(
        channel=place.id,
        user=call.workspace.app.bot_user,
        text=text,
        blocks=blocks,
        thread_ts=thread_of(call, place),
        broadcast=call.flag("reply_broadcast"),
        metadata=metadata_of(call),
        link_names=call.flag("link_names") or call.text("parse") == "full",
    )
    return {
        "channel": place.id,
        "ts": message.ts,
        "message": shapes.message(call.workspace, message, call.base_url, metadata=True),
    }


def update(call: Call) -> Json:
    place = call.channel()
    message = own_message(call, place, error="cant_update_message")
    if place.is_archived:
        raise SlackError("is_archived")
    if not call.is_member(place):
        raise SlackError("not_in_channel")
    given = blocks_of(call)
    if given is None and "text" not in call.arguments:
        raise SlackError("no_text")
    text, blocks = content_of(call) if given or call.text("text").strip() else ("", None)
    if not text.strip() and not blocks:
        raise SlackError("no_text")
    if given is None and "text" not in call.arguments:
        blocks = message.blocks
    call.workspace.edit(
        message,
        by=call.workspace.app.bot_user,
        text=text,
        blocks=blocks,
        metadata=metadata_of(call),
    )
    shown = shapes.message(call.workspace, message, call.base_url, metadata=True)
    return {"channel": place.id, "ts": message.ts, "text": text, "message": shown}


def delete(call: Call) -> Json:
    place = call.channel()
    message = own_message(call, place, error="cant_delete_message")
    call.workspace.delete(message)
    return {"channel": place.id, "ts": message.ts}


def post_ephemeral(call: Call) -> Json:
    place = call.channel()
    user = call.required("user")
    if place.is_archived:
        raise SlackError("is_archived")
    if not call.is_member(place):
        raise SlackError("not_in_channel")
    if user not in place.members:
        raise SlackError("user_not_in_channel")
    text, blocks = content_of(call)
    shown = call.workspace.show_ephemeral(
        channel=place.id, to=user, text=text, blocks=blocks, thread_ts=thread_of(call, place)
    )
    return {"message_ts": shown.ts}


def get_permalink(call: Call) -> Json:
    place = call.channel()
    message = call.workspace.find(place.id, call.required("message_ts"))
    if message is None:
        raise SlackError("message_not_found")
    link = f"{call.base_url}/#c={place.id}&m={message.ts}"
    if message.is_reply:
        link = f"{call.base_url}/#c={place.id}&t={message.thread_ts}&m={message.ts}"
    return {"channel": place.id, "permalink": link}


METHODS = {
    "chat.postMessage": Method(post_message, ("chat:write",)),
    "chat.update": Method(update, ("chat:write",)),
    "chat.delete": Method(delete, ("chat:write",)),
    "chat.postEphemeral": Method(post_ephemeral, ("chat:write",)),
    "chat.getPermalink": Method(get_permalink),
}
