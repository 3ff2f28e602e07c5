"""What people do outside runs as records, read as `parse` reads other payloads: shortcuts, the Home
tab, messages to the bot, and joining a channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.slack.inbound import mrkdwn
from bot.slack.inbound.parse import Person, Place, person_of
from bot.slack.inbound.payload_shape import Body, mapping, text
from bot.slack.inbound.written import HUMAN_SUBTYPES, NOTHING_WRITTEN, Written, written


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A shortcut, used anywhere or, with `ts`, on the message that says `written`."""

    place: Place
    by: Person
    trigger_id: str
    ts: str = ""
    thread_ts: str | None = None
    author: str = ""
    written: Written = NOTHING_WRITTEN


@dataclass(frozen=True, slots=True)
class Addressed:
    """A message outside threads that mentions the bot or is written to it directly."""

    channel: str
    ts: str
    by: Person

    @property
    def is_direct(self) -> bool:
        return self.channel.startswith("D")


@dataclass(frozen=True, slots=True)
class Joined:
    """Somebody joined a channel. `inviter` is None for those who joined by themselves."""

    channel: str
    user: str
    inviter: str | None
    event_ts: str


def shortcut(body: Body) -> Shortcut:
    return Shortcut(Place(""), person_of(body), text(body, "trigger_id", default=""))


def message_shortcut(body: Body) -> Shortcut:
    channel, message = mapping(body, "channel"), mapping(body, "message")
    thread_ts = message.get("thread_ts")
    author = message.get("user")
    return Shortcut(
        place=Place(text(channel, "id"), text(channel, "name", default="")),
        by=person_of(body),
        trigger_id=text(body, "trigger_id", default=""),
        ts=text(message, "ts"),
        thread_ts=thread_ts if isinstance(thread_ts, str) else None,
        author=author if isinstance(author, str) else "",
        written=written(message),
    )


def addressed(body: Body, *, bot_user: str | None) -> Addressed | None:
    """None unless a person wrote to the bot outside a thread: bots and edits do not count."""
    event = body.get("event")
    if not isinstance(event, Mapping) or event.get("thread_ts") is not None:
        return None
    if event.get("bot_id") or event.get("subtype") not in HUMAN_SUBTYPES or event.get("hidden"):
        return None
    user, channel, ts = event.get("user"), event.get("channel"), event.get("ts")
    if not (isinstance(user, str) and isinstance(channel, str) and isinstance(ts, str)):
        return None
    message = Addressed(channel, ts, Person(user))
    raw_text = text(event, "text", default="")
    mentioned = bot_user is not None and mrkdwn.mentions(raw_text, bot_user)
    return message if user != bot_user and (message.is_direct or mentioned) else None


def joined(body: Body) -> Joined:
    event = mapping(body, "event")
    inviter = event.get("inviter")
    return Joined(
        channel=text(event, "channel"),
        user=text(event, "user"),
        inviter=inviter if isinstance(inviter, str) and inviter else None,
        event_ts=text(event, "event_ts", default=""),
    )


def is_in_home(body: Body) -> bool:
    """Whether something in a Home tab was used."""
    view = body.get("view")
    is_home = isinstance(view, Mapping) and view.get("type") == "home"
    return body.get("type") == "block_actions" and is_home


def home_opened(body: Body) -> Person | None:
    """Who opened the Home tab; None if it was another tab."""
    event = mapping(body, "event")
    return Person(text(event, "user")) if event.get("tab", "home") == "home" else None
