"""chat.*: posts, updates and deletes messages."""

from __future__ import annotations

from practice.limits import check_message, check_metadata
from practice.limits.problems import Problem
from practice.rules import LIMITS
from practice.state import serializers
from practice.state.errors import SlackError
from practice.state.records import Channel, Json, Message
from practice.web_api.call import Call, Method

TEXT_LIMIT = LIMITS["message"]["text"]
UPDATED_TEXT_LIMIT = LIMITS["message"]["updated_text"]


def blocks_error(problems: list[Problem]) -> SlackError:
    """`invalid_blocks` with every problem, or the error of a message that is too large."""
    other_errors = [problem.error for problem in problems if problem.error != "invalid_blocks"]
    name = other_errors[0] if other_errors else "invalid_blocks"
    errors = [
        f"{problem.text} [json-pointer:{problem.pointer}]"
        for problem in problems
        if problem.error == name
    ]
    messages = [f"[ERROR] {error}" for error in errors]
    return SlackError(name, errors=errors, response_metadata={"messages": messages})


def blocks_argument(call: Call) -> list[Json] | None:
    blocks = call.json_argument("blocks", error="invalid_blocks_format")
    if blocks is None:
        return None
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise SlackError("invalid_blocks_format")
    return blocks


def metadata_argument(call: Call) -> Json | None:
    metadata = call.json_argument("metadata", error="invalid_metadata_format")
    if metadata is None:
        return None
    problems = check_metadata(metadata)
    if problems or not isinstance(metadata, dict):
        raise SlackError(problems[0].error if problems else "invalid_metadata_format")
    return metadata


def content_arguments(call: Call, *, longest: int = TEXT_LIMIT) -> tuple[str, list[Json] | None]:
    """The text and blocks of a message, checked against Slack's limits."""
    text, blocks = call.text("text"), blocks_argument(call)
    if not text.strip() and not blocks:
        raise SlackError("no_text")
    if len(text) > longest:
        raise SlackError("msg_too_long")
    problems = check_message(text, blocks, call.workspace.rules)
    if problems:
        raise blocks_error(problems)
    return text, blocks


def conversation_to_post_in(call: Call) -> Channel:
    conversation = call.channel()
    if conversation.is_archived:
        raise SlackError("is_archived")
    if not call.is_member(conversation) and "chat:write.public" not in call.workspace.app.scopes:
        raise SlackError("not_in_channel")
    return conversation


def thread_argument(call: Call, conversation: Channel) -> str | None:
    """The thread to reply in. The timestamp of a reply selects the thread it is in."""
    thread_ts = call.optional("thread_ts")
    if thread_ts is None:
        return None
    root = call.workspace.find(conversation.id, thread_ts)
    if root is None:
        raise SlackError("thread_not_found")
    return root.thread_ts if root.is_reply else root.ts


def own_message(call: Call, conversation: Channel, *, error: str) -> Message:
    ts = call.required("ts")
    message = call.workspace.find(conversation.id, ts)
    if message is None:
        raise SlackError("message_not_found")
    if message.user != call.workspace.app.bot_user or message.subtype is not None:
        raise SlackError(error)
    return message


def post_message(call: Call) -> Json:
    conversation = conversation_to_post_in(call)
    text, blocks = content_arguments(call)
    message = call.workspace.post(
        channel=conversation.id,
        user=call.workspace.app.bot_user,
        text=text,
        blocks=blocks,
        thread_ts=thread_argument(call, conversation),
        broadcast=call.flag("reply_broadcast"),
        metadata=metadata_argument(call),
        link_names=call.flag("link_names") or call.text("parse") == "full",
    )
    return {
        "channel": conversation.id,
        "ts": message.ts,
        "message": serializers.message(call.workspace, message, call.base_url, metadata=True),
    }


def update(call: Call) -> Json:
    conversation = call.channel()
    message = own_message(call, conversation, error="cant_update_message")
    if conversation.is_archived:
        raise SlackError("is_inactive")
    if not call.is_member(conversation):
        raise SlackError("not_in_channel")
    new_blocks = blocks_argument(call)
    if new_blocks is None and "text" not in call.arguments:
        raise SlackError("no_text")
    text, blocks = (
        content_arguments(call, longest=UPDATED_TEXT_LIMIT)
        if new_blocks or call.text("text").strip()
        else ("", None)
    )
    if not text.strip() and not blocks:
        raise SlackError("no_text")
    if new_blocks is None and "text" not in call.arguments:
        blocks = message.blocks
    call.workspace.edit(
        message,
        by=call.workspace.app.bot_user,
        text=text,
        blocks=blocks,
        metadata=metadata_argument(call),
    )
    updated = serializers.message(call.workspace, message, call.base_url, metadata=True)
    return {"channel": conversation.id, "ts": message.ts, "text": text, "message": updated}


def delete(call: Call) -> Json:
    conversation = call.channel()
    message = own_message(call, conversation, error="cant_delete_message")
    call.workspace.delete(message)
    return {"channel": conversation.id, "ts": message.ts}


def post_ephemeral(call: Call) -> Json:
    conversation = call.channel()
    user = call.required("user")
    if conversation.is_archived:
        raise SlackError("is_archived")
    if not call.is_member(conversation):
        raise SlackError("not_in_channel")
    if user not in conversation.members:
        raise SlackError("user_not_in_channel")
    text, blocks = content_arguments(call)
    message = call.workspace.show_ephemeral(
        channel=conversation.id,
        to=user,
        text=text,
        blocks=blocks,
        thread_ts=thread_argument(call, conversation),
    )
    return {"message_ts": message.ts}


def get_permalink(call: Call) -> Json:
    conversation = call.channel()
    message = call.workspace.find(conversation.id, call.required("message_ts"))
    if message is None:
        raise SlackError("message_not_found")
    link = f"{call.base_url}/#c={conversation.id}&m={message.ts}"
    if message.is_reply:
        link = f"{call.base_url}/#c={conversation.id}&t={message.thread_ts}&m={message.ts}"
    return {"channel": conversation.id, "permalink": link}


METHODS = {
    "chat.postMessage": Method(post_message, ("chat:write",)),
    "chat.update": Method(update, ("chat:write",)),
    "chat.delete": Method(delete, ("chat:write",)),
    "chat.postEphemeral": Method(post_ephemeral, ("chat:write",)),
    "chat.getPermalink": Method(get_permalink),
}
