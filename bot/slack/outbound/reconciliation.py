"""Finds our messages that may have been posted before a crash or a lost response."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from slack_sdk import WebClient

from bot.slack.ids import MESSAGE_EVENT_TYPE, block_key, message_key
from storage.messages import OutboxRow

LOOK_BACK = timedelta(days=1)
"""How far to search before the post: Slack's clock and ours may differ. Threads are read whole."""

MAX_PAGES = 10

Message = dict[str, Any]


def find_messages(client: WebClient, row: OutboxRow) -> list[str]:
    """Timestamps of the row's messages, oldest first; several if it was posted more than once."""
    key, block_id = message_key(row), block_key(row)
    return sorted(
        str(message["ts"])
        for message in _nearby_messages(client, row)
        if _key(message) == key or block_id in _block_ids(message)
    )


def find_file(client: WebClient, row: OutboxRow, name: str) -> str | None:
    """The id of a file with this name in the row's thread, if there is one."""
    for message in _nearby_messages(client, row):
        for file in message.get("files") or ():
            if file.get("name") == name:
                return str(file.get("id"))
    return None


def _key(message: Message) -> str | None:
    metadata = message.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("event_type") != MESSAGE_EVENT_TYPE:
        return None
    payload = metadata.get("event_payload")
    return payload.get("key") if isinstance(payload, dict) else None


def _block_ids(message: Message) -> list[object]:
    """A message whose metadata Slack has refused is named by a block instead."""
    return [block.get("block_id") for block in message.get("blocks") or () if block]


def _nearby_messages(client: WebClient, row: OutboxRow) -> list[Message]:
    """The messages of the row's thread, or of its channel since some time before the post."""
    since = (row.sent_at or row.created_at) - LOOK_BACK
    oldest = f"{since.timestamp():.6f}"
    messages: list[Message] = []
    cursor = ""
    for _ in range(MAX_PAGES):
        if row.thread_ts is None:
            page = client.conversations_history(
                channel=row.channel,
                oldest=oldest,
                include_all_metadata=True,
                limit=200,
                cursor=cursor,
            )
        else:
            page = client.conversations_replies(
                channel=row.channel,
                ts=row.thread_ts,
                include_all_metadata=True,
                limit=200,
                cursor=cursor,
            )
        messages += page["messages"]
        cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor:
            break
    return messages
