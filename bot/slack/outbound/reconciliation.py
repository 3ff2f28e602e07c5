"""Finding messages of ours that may have been posted before a crash or a lost answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from slack_sdk import WebClient

from bot.slack.ids import MESSAGE_EVENT_TYPE, message_key
from storage.messages import OutboxRow

LOOK_BACK = timedelta(days=1)
"""Slack's clock and ours may differ. A run's own thread is read whole."""

PAGES = 10

Message = dict[str, Any]


def find_messages(client: WebClient, row: OutboxRow) -> list[str]:
    """Where the row's message stands, the earliest first; more than one where a post was lost."""
    wanted = message_key(row)
    return sorted(str(message["ts"]) for message in _around(client, row) if _key(message) == wanted)


def find_file(client: WebClient, row: OutboxRow, name: str) -> str | None:
    """The id of a file of this name that was shared in the row's thread."""
    for message in _around(client, row):
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


def _around(client: WebClient, row: OutboxRow) -> list[Message]:
    """What stands in the row's thread, or in its channel since before it was sent."""
    since = (row.sent_at or row.created_at) - LOOK_BACK
    oldest = f"{since.timestamp():.6f}"
    found: list[Message] = []
    cursor = ""
    for _ in range(PAGES):
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
        found += page["messages"]
        cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor:
            break
    return found
