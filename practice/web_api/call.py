"""One call of a Web API method: its arguments and the parts of the workspace it may use."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from practice.state.errors import SlackError
from practice.state.records import Channel, Json
from practice.state.tickets import ResponseUrls, SocketTickets, Triggers
from practice.state.views import Views
from practice.state.workspace import Workspace

READ_SCOPE = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}
PAGE_SIZE = 100


@dataclass
class Uploads:
    """Uploads whose content has not arrived: file ids by ticket."""

    waiting: dict[str, str] = field(default_factory=dict)


@dataclass
class Call:
    """What a method receives. Arguments come from a query string, a form or JSON."""

    method: str
    arguments: Json
    workspace: Workspace
    views: Views
    triggers: Triggers
    responses: ResponseUrls
    sockets: SocketTickets
    uploads: Uploads
    base_url: str

    def text(self, name: str, default: str = "") -> str:
        value = self.arguments.get(name)
        return default if value is None else str(value)

    def optional(self, name: str) -> str | None:
        value = self.arguments.get(name)
        return None if value in (None, "") else str(value)

    def required(self, name: str) -> str:
        value = self.optional(name)
        if value is None:
            raise SlackError(
                "invalid_arguments",
                response_metadata={"messages": [f"[ERROR] missing required field: {name}"]},
            )
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.arguments.get(name)
        if value is None:
            return default
        return str(value).lower() in ("1", "true")

    def integer(self, name: str, default: int) -> int:
        value = self.optional(name)
        if value is None:
            return default
        try:
            return int(value)
        except ValueError:
            raise SlackError("invalid_arguments") from None

    def json_argument(self, name: str, *, error: str) -> object:
        """An argument that holds JSON, either decoded or as a string."""
        value = self.arguments.get(name)
        if not isinstance(value, str):
            return value
        if value == "":
            return None
        try:
            decoded: object = json.loads(value)
        except ValueError:
            raise SlackError(error) from None
        return decoded

    def require_scope(self, *scopes: str) -> None:
        """Raise `missing_scope` unless the app has one of these scopes."""
        granted = self.workspace.app.scopes
        if not any(scope in granted for scope in scopes):
            raise SlackError("missing_scope", needed=scopes[0], provided=",".join(granted))

    def channel(self, name: str = "channel") -> Channel:
        """The channel with this id or `#name`, or the direct message with this user id.

        Private channels without the app raise `channel_not_found`, as in Slack.
        """
        target = self.required(name)
        workspace = self.workspace
        if target in workspace.users and not workspace.users[target].is_bot:
            return workspace.im_with(target)
        conversation = workspace.channels.get(target)
        if conversation is None:
            named = [
                channel
                for channel in workspace.channels.values()
                if channel.name and channel.name == target.removeprefix("#")
            ]
            conversation = named[0] if named else None
        if conversation is None or (conversation.is_private and not self.is_member(conversation)):
            raise SlackError("channel_not_found")
        return conversation

    def is_member(self, conversation: Channel) -> bool:
        return self.workspace.app.bot_user in conversation.members

    def paginate(self, items: list[Json], *, default: int = PAGE_SIZE) -> tuple[list[Json], Json]:
        """One page of a listing and its `response_metadata`."""
        limit = max(1, min(self.integer("limit", default) or default, 1000))
        cursor = self.text("cursor")
        if cursor and not (cursor.startswith("next_") and cursor[5:].isdigit()):
            raise SlackError("invalid_cursor")
        start = int(cursor[5:]) if cursor else 0
        more = len(items) > start + limit
        return items[start : start + limit], {
            "next_cursor": f"next_{start + limit}" if more else ""
        }


@dataclass(frozen=True)
class Method:
    """A Web API method: its function, the scopes of which it needs one, and its token."""

    run: Callable[[Call], Json]
    scopes: tuple[str, ...] = ()
    uses_app_token: bool = False
    needs_no_token: bool = False
