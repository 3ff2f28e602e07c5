"""Events API: sends the app the events it subscribed to."""

from __future__ import annotations

from collections.abc import Callable

from practice.delivery import payloads
from practice.delivery.deliveries import Deliveries
from practice.state.changes import Change, Deleted, Edited, MemberJoined, MemberLeft, Posted
from practice.state.records import Channel, Json
from practice.state.workspace import Workspace

SUBSCRIPTION = {
    "channel": "message.channels",
    "group": "message.groups",
    "im": "message.im",
    "mpim": "message.mpim",
}


class Events:
    """Turns changes in the app's conversations into event deliveries."""

    def __init__(
        self, workspace: Workspace, deliveries: Deliveries, base_url: Callable[[], str]
    ) -> None:
        self._workspace = workspace
        self._deliveries = deliveries
        self._base_url = base_url

    def on_change(self, change: Change) -> None:
        workspace, url = self._workspace, self._base_url()
        match change:
            case Posted(message):
                self._message(message.channel, payloads.message_posted(workspace, message, url))
                app = workspace.app
                mentions_app = f"<@{app.bot_user}>" in message.text and message.user != app.bot_user
                if mentions_app and "app_mention" in app.events and self._is_in(message.channel):
                    self._deliver_event(payloads.app_mention(workspace, message, url))
            case Edited(message, before):
                self._message(
                    message.channel, payloads.message_changed(workspace, message, before, url)
                )
            case Deleted(message):
                self._message(message.channel, payloads.message_deleted(workspace, message, url))
            case MemberJoined(channel, user, inviter):
                self._member("member_joined_channel", channel, user, inviter)
            case MemberLeft(channel, user):
                self._member("member_left_channel", channel, user, None)
            case _:
                pass

    def _message(self, channel: str, inner: Json) -> None:
        kind = SUBSCRIPTION[self._workspace.channels[channel].kind]
        if kind in self._workspace.app.events and self._is_in(channel):
            self._deliver_event(inner)

    def _member(self, kind: str, channel: Channel, user: str, by: str | None) -> None:
        about_app = user == self._workspace.app.bot_user
        if kind in self._workspace.app.events and (about_app or self._is_in(channel.id)):
            self._deliver_event(payloads.membership(self._workspace, kind, channel, user, by))

    def _is_in(self, channel: str) -> bool:
        return self._workspace.app.bot_user in self._workspace.channels[channel].members

    def _deliver_event(self, inner: Json) -> None:
        name = inner["type"] + (f"/{inner['subtype']}" if inner.get("subtype") else "")
        self._deliveries.deliver_event(name, payloads.event(self._workspace, inner))
