"""The page's WebSocket feed: sends each change to the users who may see it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from practice.state import serializers
from practice.state.changes import (
    AppChanged,
    Change,
    ChannelChanged,
    Deleted,
    Edited,
    EphemeralGone,
    EphemeralShown,
    HomePublished,
    NoticeShown,
    Posted,
    Refreshed,
    ThreadStatusChanged,
    ViewClosed,
    ViewOpened,
    ViewUpdated,
)
from practice.state.records import Channel, Json
from practice.state.workspace import Workspace
from practice.traffic import Entry

MAX_QUEUE = 5_000


class PageFeed:
    """Feeds open pages. A page that stops reading is disconnected; it reconnects by itself."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        base_url: Callable[[], str],
        app_json: Callable[[], Json],
    ) -> None:
        self._workspace = workspace
        self._base_url = base_url
        self._app_shape = app_json
        self._feeds: dict[asyncio.Queue[Json | None], str] = {}

    async def endpoint(self, websocket: WebSocket) -> None:
        user = websocket.query_params.get("user", "")
        if user not in self._workspace.users:
            await websocket.close(code=4004)
            return
        await websocket.accept()
        feed: asyncio.Queue[Json | None] = asyncio.Queue(MAX_QUEUE)
        self._feeds[feed] = user
        reader = asyncio.create_task(_until_closed(websocket, feed))
        try:
            while (item := await feed.get()) is not None:
                await websocket.send_json(item)
        except (WebSocketDisconnect, RuntimeError):
            return
        finally:
            self._feeds.pop(feed, None)
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def close(self) -> None:
        for feed in list(self._feeds):
            _offer(feed, None)

    def on_traffic(self, entry: Entry) -> None:
        self._send({"type": "traffic", "entry": entry.summary()}, None)

    def channel_json(self, conversation: Channel, user: str) -> Json:
        shape: Json = {
            "id": conversation.id,
            "name": conversation.name or self._workspace.app.name,
            "is_im": conversation.is_im,
            "is_private": conversation.is_private,
            "is_archived": conversation.is_archived,
            "members": list(conversation.members),
            "topic": conversation.topic,
            "unread": self._workspace.unread(user, conversation.id),
        }
        if conversation.is_im:
            shape["im_user"] = conversation.im_user
        return shape

    def on_change(self, change: Change) -> None:  # noqa: PLR0912 one arm for each kind of change
        workspace, url = self._workspace, self._base_url()
        match change:
            case Posted(message):
                shape = serializers.page_message(workspace, message, url)
                self._in_channel(message.channel, {"type": "message", "message": shape})
            case Edited(message, _) | Refreshed(message):
                shape = serializers.page_message(workspace, message, url)
                self._in_channel(message.channel, {"type": "message_changed", "message": shape})
            case Deleted(message):
                deleted = {"type": "message_deleted", "channel": message.channel, "ts": message.ts}
                self._in_channel(message.channel, deleted)
            case EphemeralShown(message):
                shape = serializers.page_message(workspace, message, url)
                self._send({"type": "ephemeral", "message": shape}, message.ephemeral_to)
            case EphemeralGone(message):
                deleted = {
                    "type": "ephemeral_deleted",
                    "channel": message.channel,
                    "ts": message.ts,
                }
                self._send(deleted, message.ephemeral_to)
            case ViewOpened(view):
                self._send(
                    {"type": "view_opened", "view": serializers.view(workspace, view)}, view.user
                )
            case ViewUpdated(view):
                self._send(
                    {"type": "view_updated", "view": serializers.view(workspace, view)}, view.user
                )
            case ViewClosed(view):
                self._send({"type": "view_closed", "view_id": view.id}, view.user)
            case HomePublished(view):
                self._send({"type": "home", "view": serializers.view(workspace, view)}, view.user)
            case ChannelChanged(channel):
                for feed, user in list(self._feeds.items()):
                    if may_see(channel, user):
                        item = {"type": "channel", "channel": self.channel_json(channel, user)}
                        _offer(feed, item)
            case NoticeShown(user, text, conversation, thread_ts):
                notice: Json = {"type": "notice", "text": text}
                notice |= {"channel": conversation} if conversation else {}
                notice |= {"thread_ts": thread_ts} if thread_ts else {}
                self._send(notice, user)
            case ThreadStatusChanged(conversation, ts, status):
                item = {"type": "thread_status", "channel": conversation, "ts": ts}
                self._in_channel(conversation, item | {"status": status})
            case AppChanged():
                self._send({"type": "bot", "bot": self._app_shape()}, None)
            case _:
                pass

    def _in_channel(self, channel: str, item: Json) -> None:
        conversation = self._workspace.channels[channel]
        for feed, user in list(self._feeds.items()):
            if user in conversation.members or (
                may_see(conversation, user) and not conversation.is_im
            ):
                _offer(feed, item)

    def _send(self, item: Json, user: str | None) -> None:
        for feed, owner in list(self._feeds.items()):
            if user is None or owner == user:
                _offer(feed, item)


def may_see(conversation: Channel, user: str) -> bool:
    """Members see their conversations, and everyone sees public channels."""
    return user in conversation.members or conversation.kind == "channel"


def _offer(feed: asyncio.Queue[Json | None], item: Json | None) -> None:
    if feed.full():
        while not feed.empty():
            feed.get_nowait()
        item = None
    feed.put_nowait(item)


async def _until_closed(websocket: WebSocket, feed: asyncio.Queue[Json | None]) -> None:
    try:
        while True:
            await websocket.receive_text()
    except (WebSocketDisconnect, RuntimeError):
        _offer(feed, None)
