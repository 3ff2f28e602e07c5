"""The changes that a workspace emits to its listeners: page feed, events and store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from practice.state.records import Channel, File, Message, User, UserGroup, View


@dataclass(frozen=True)
class Posted:
    message: Message


@dataclass(frozen=True)
class Edited:
    """A message was edited; `before` is a copy of its previous version."""

    message: Message
    before: Message


@dataclass(frozen=True)
class Deleted:
    message: Message


@dataclass(frozen=True)
class Refreshed:
    """The replies or reactions of a message changed."""

    message: Message


@dataclass(frozen=True)
class EphemeralShown:
    message: Message


@dataclass(frozen=True)
class EphemeralGone:
    message: Message


@dataclass(frozen=True)
class ViewOpened:
    view: View


@dataclass(frozen=True)
class ViewUpdated:
    view: View


@dataclass(frozen=True)
class ViewClosed:
    view: View


@dataclass(frozen=True)
class HomePublished:
    view: View


@dataclass(frozen=True)
class ChannelChanged:
    channel: Channel


@dataclass(frozen=True)
class MemberJoined:
    channel: Channel
    user: str
    inviter: str | None


@dataclass(frozen=True)
class MemberLeft:
    channel: Channel
    user: str


@dataclass(frozen=True)
class UserChanged:
    user: User


@dataclass(frozen=True)
class GroupChanged:
    group: UserGroup


@dataclass(frozen=True)
class FileStored:
    file: File


@dataclass(frozen=True)
class ReadMoved:
    user: str
    channel: str
    ts: str


@dataclass(frozen=True)
class ThreadStatusChanged:
    """The status line of the app under a thread changed; an empty text removes it."""

    channel: str
    thread_ts: str
    status: str


@dataclass(frozen=True)
class NoticeShown:
    """A notice that Slackbot would show to one user."""

    user: str
    text: str
    channel: str | None = None
    thread_ts: str | None = None


@dataclass(frozen=True)
class AppChanged:
    """The app connected, disconnected or changed its transport."""


Change = (
    Posted
    | Edited
    | Deleted
    | Refreshed
    | EphemeralShown
    | EphemeralGone
    | ViewOpened
    | ViewUpdated
    | ViewClosed
    | HomePublished
    | ChannelChanged
    | MemberJoined
    | MemberLeft
    | UserChanged
    | GroupChanged
    | FileStored
    | ReadMoved
    | ThreadStatusChanged
    | NoticeShown
    | AppChanged
)
Listener = Callable[[Change], None]
