"""The records of a workspace: people, channels, messages, files, views and the app.

One event loop owns these records, so they are plain mutable dataclasses. Whatever
leaves the server is JSON built by `serializers`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
UNSAFE_IN_FILE_NAMES = str.maketrans(dict.fromkeys("/\\\0?#", "_"))


@dataclass
class User:
    """A person or a bot user, as `users.info` describes it."""

    id: str
    name: str
    real_name: str
    team_id: str
    color: str = "4a154b"
    email: str = ""
    tz: str = "Europe/Berlin"
    is_bot: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    deleted: bool = False
    enterprise_teams: list[str] = field(default_factory=list)
    """On Enterprise Grid, the workspaces this person is in. `team_id` may then be empty."""


@dataclass
class Channel:
    """A public or private channel, a direct message with the app, or a group direct message."""

    id: str
    name: str
    members: list[str] = field(default_factory=list)
    is_private: bool = False
    is_im: bool = False
    is_mpim: bool = False
    im_user: str | None = None
    is_archived: bool = False
    topic: str = ""
    created: int = 0

    @property
    def kind(self) -> str:
        """The `channel_type` of message events: `channel`, `group`, `im` or `mpim`."""
        if self.is_im or self.is_mpim:
            return "mpim" if self.is_mpim else "im"
        return "group" if self.is_private else "channel"


@dataclass
class Enterprise:
    """The Enterprise Grid organization that the workspace belongs to."""

    id: str
    name: str
    installs_app: bool = False
    """Whether the app is installed for the whole organization."""


@dataclass
class UserGroup:
    """A user group, which can be mentioned by its handle."""

    id: str
    handle: str
    name: str
    users: list[str] = field(default_factory=list)


@dataclass
class Pings:
    """Who was notified when a message was posted. Edits notify no one."""

    users: list[str] = field(default_factory=list)
    broadcasts: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.users or self.broadcasts or self.groups)


@dataclass
class Message:
    """A message in a conversation, or an ephemeral one that only `ephemeral_to` sees."""

    ts: str
    channel: str
    user: str
    text: str
    team_id: str = ""
    bot_id: str | None = None
    blocks: list[Json] | None = None
    thread_ts: str | None = None
    broadcast: bool = False
    files: list[str] = field(default_factory=list)
    edited: Json | None = None
    subtype: str | None = None
    metadata: Json | None = None
    reactions: list[Json] = field(default_factory=list)
    client_msg_id: str | None = None
    ephemeral_to: str | None = None
    pings: Pings = field(default_factory=Pings)

    @property
    def is_reply(self) -> bool:
        return self.thread_ts is not None and self.thread_ts != self.ts


@dataclass
class File:
    """An uploaded file with its content."""

    id: str
    name: str
    title: str
    user: str
    size: int
    created: int
    mimetype: str = "text/plain"
    content: bytes = b""
    uploaded: bool = False
    channels: list[str] = field(default_factory=list)


def safe_file_name(name: str) -> str:
    """The name without characters that mean something in paths and addresses."""
    return name.translate(UNSAFE_IN_FILE_NAMES)


@dataclass
class View:
    """A modal or an App Home with the definition that the app sent."""

    id: str
    kind: str
    user: str
    definition: Json
    hash: str
    root_view_id: str = ""
    previous_view_id: str | None = None
    external_id: str = ""
    state: Json = field(default_factory=lambda: {"values": {}})


@dataclass
class Version:
    """One version of a message in the journal: its content, the time and the action."""

    seq: int
    at: float
    act: str  # post, update, delete, ephemeral, ephemeral_update, ephemeral_delete
    channel: str
    ts: str
    thread_ts: str | None
    user: str
    text: str
    blocks: list[Json] | None
    ephemeral_to: str | None = None


@dataclass
class App:
    """The installed app: its identity, tokens, grants and request URL.

    Deliveries go to `request_url` by signed HTTP, or to the app's sockets if it is None.
    """

    app_id: str
    bot_id: str
    bot_user: str
    name: str
    description: str
    scopes: list[str]
    events: list[str]
    commands: list[Json]
    shortcuts: list[Json] = field(default_factory=list)
    home_tab: bool = True
    bot_token: str = "xoxb-practice"  # noqa: S105 practice tokens are public by design
    app_token: str = "xapp-practice"  # noqa: S105
    signing_secret: str = "practice"  # noqa: S105
    verification_token: str = "practice-verification"  # noqa: S105
    request_url: str | None = None
