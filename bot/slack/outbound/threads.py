"""Looking up a reply in a thread."""

from __future__ import annotations

from slack_sdk import WebClient

from bot.slack.inbound import mrkdwn
from bot.slack.inbound.parse import Person


def find_reply(
    client: WebClient, *, channel: str, thread_ts: str, ts: str, by: Person, bot_user: str | None
) -> str | None:
    """The current plain text of a reply; None if `by` has no such reply there."""
    page = client.conversations_replies(
        channel=channel, ts=thread_ts, oldest=ts, latest=ts, inclusive=True, limit=10
    )
    for message in page["messages"]:
        if message.get("ts") == ts and message.get("user") == by.id:
            return mrkdwn.to_plain(str(message.get("text") or ""), without_user=bot_user)
    return None
