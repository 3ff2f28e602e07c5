"""Looking up a reply in a thread."""

from __future__ import annotations

from slack_sdk import WebClient

from bot.slack.inbound.parse import Person
from bot.slack.inbound.written import Written, written


def find_reply(
    client: WebClient, *, channel: str, thread_ts: str, ts: str, by: Person
) -> Written | None:
    """What a reply says now; None if `by` has no such reply there."""
    page = client.conversations_replies(
        channel=channel, ts=thread_ts, oldest=ts, latest=ts, inclusive=True, limit=10
    )
    for message in page["messages"]:
        if message.get("ts") == ts and message.get("user") == by.id:
            return written(message)
    return None
