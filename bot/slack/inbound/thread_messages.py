"""Events of messages in threads as records, read as `parse` reads other payloads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.slack.inbound import mrkdwn
from bot.slack.inbound.parse import Person
from bot.slack.inbound.payload_shape import Body, mapping, text
from bot.slack.inbound.written import HUMAN_SUBTYPES, Written, written


@dataclass(frozen=True, slots=True)
class ThreadReply:
    """What a person wrote in a thread."""

    channel: str
    thread_ts: str
    ts: str
    written: Written
    mentions_bot: bool
    by: Person


@dataclass(frozen=True, slots=True)
class EditedReply:
    """A reply in a thread whose author has changed its words; `event_ts` tells changes apart."""

    channel: str
    thread_ts: str
    ts: str
    before: Written
    after: Written
    by: Person
    event_ts: str


def thread_reply(body: Body, *, bot_user: str | None) -> ThreadReply | None:
    """None unless a person wrote in a thread: bots, edits, deletions and joins do not count."""
    event = mapping(body, "event")
    if event.get("bot_id") or event.get("subtype") not in HUMAN_SUBTYPES or event.get("hidden"):
        return None
    user, thread_ts, ts = event.get("user"), event.get("thread_ts"), event.get("ts")
    if not isinstance(user, str) or not isinstance(thread_ts, str) or thread_ts == ts:
        return None
    words = written(event)
    return ThreadReply(
        channel=text(event, "channel"),
        thread_ts=thread_ts,
        ts=text(event, "ts"),
        written=words,
        mentions_bot=bot_user is not None and mrkdwn.mentions(words.mrkdwn, bot_user),
        by=Person(user),
    )


def edited_reply(body: Body) -> EditedReply | None:
    """None unless a person has changed the words of their own reply in a thread."""
    event = mapping(body, "event")
    if event.get("subtype") != "message_changed":
        return None
    message, previous = mapping(event, "message"), event.get("previous_message")
    if not isinstance(previous, Mapping) or message.get("bot_id") or "edited" not in message:
        return None
    user, thread_ts, ts = message.get("user"), message.get("thread_ts"), message.get("ts")
    if not isinstance(user, str) or not isinstance(thread_ts, str) or thread_ts == ts:
        return None
    before, after = written(previous), written(message)
    if before.mrkdwn == after.mrkdwn:
        return None
    return EditedReply(
        channel=text(event, "channel"),
        thread_ts=thread_ts,
        ts=text(message, "ts"),
        before=before,
        after=after,
        by=Person(user),
        event_ts=text(event, "event_ts"),
    )
