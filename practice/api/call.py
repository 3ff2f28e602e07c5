"""One call of a Web API method: who calls, with which arguments, and what it may do."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from practice.errors import SlackError
from practice.records import Channel, Json
from practice.tickets import ResponseUrls, SocketTickets, Triggers
from practice.views import Views
from practice.workspace import Workspace

READ_SCOPE = {"channel": "channels", "group": "groups", "im": "im"}
PAGE = 100


@dataclass
class Uploads:
    """Upload tickets that wait for their bytes, by ticket."""

    waiting: dict[str, str] = field(default_factory=dict)


@dataclass
class Call:
    """What a method gets. Arguments come from a form or JSON; both read the same."""

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

    def number(self, name: str, default: int) -> int:
        value = self.optional(name)
        if value is None:
            return default
        try:
            return int(value)
        except ValueError:
            raise SlackError("invalid_arguments") from None

    def decoded(self, name: str, *, error: str) -> object:
        """An argument that holds JSON, written out or as a string."""
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

    def needs(self, *scopes: str) -> None:
        """Refuse unless the app holds one of these scopes."""
        granted = self.workspace.app.scopes
        if not any(scope in granted for scope in scopes):
            raise SlackError("missing_scope", needed=scopes[0], provided=",".join(granted))

    def channel(self, name: str = "channel") -> Channel:
        """The channel named by id, by `#name`, or a person's direct message by user id.

        A private channel that the app is not in does not exist for it.
        """
        wanted = self.required(name)
        workspace = self.workspace
        if wanted in workspace.users and not workspace.users[wanted].is_bot:
            return workspace.im_with(wanted)
        place = workspace.channels.get(wanted)
        if place is None:
            named = [
                channel
                for channel in workspace.channels.values()
                if channel.name and channel.name == wanted.removeprefix("#")
            ]
            place = named[0] if named else None
        if place is None or (place.is_private and not self.is_member(place)):
            raise SlackError("channel_not_found")
        return place

    def is_member(self, place: Channel) -> bool:
        return self.workspace.app.bot_user in place.members

    def paged(self, found: list[Json], *, default: int = PAGE) -> tuple[list[Json], Json]:
        """One page of a listing and its `response_metadata`."""
        limit = max(1, min(self.number("limit", default) or default, 1000))
        cursor = self.text("cursor")
        if cursor and not (cursor.startswith("next_") and cursor[5:].isdigit()):
            raise SlackError("invalid_cursor")
        start = int(cursor[5:]) if cursor else 0
        more = len(found) > start + limit
        return found[start : start + limit], {
            "next_cursor": f"next_{start + limit}" if more else ""
        }


@dataclass(frozen=True)
class Method:
    """A Web API method: its work, one of the scopes it needs, and whose token it takes."""

    run: Callable[[Call], Json]
    scopes: tuple[str, ...] = ()
    holder: str = "bot"  # whose token it takes: bot, or app
    open_to_all: bool = False
