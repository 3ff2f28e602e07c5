"""The page's live connection: each change goes to the users who may see it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from practice import shapes
from practice.changes import (
    AppChanged,
    Change,
    ChannelChanged,
    Deleted,
    Edited,
    EphemeralGone,
    EphemeralShown,
    HomePublished,
    Noticed,
    Posted,
    Refreshed,
    ViewClosed,
    ViewOpened,
    ViewUpdated,
)
from practice.records import Channel, Json
from practice.traffic import Entry
from practice.workspace import Workspace

QUEUED = 5_000


class Hub:
    """Feeds open pages. A page that stops reading is dropped, and comes back by itself."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        base_url: Callable[[], str],
        app_shape: Callable[[], Json],
    ) -> None:
        self._workspace = workspace
        self._base_url = base_url
        self._app_shape = app_shape
        self._feeds: dict[asyncio.Queue[Json | None], str] = {}

    async def endpoint(self, websocket: WebSocket) -> None:
        user = websocket.query_params.get("user", "")
        if user not in self._workspace.users:
            await websocket.close(code=4004)
            return
        await websocket.accept()
        feed: asyncio.Queue[Json | None] = asyncio.Queue(QUEUED)
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

    def seen(self, entry: Entry) -> None:
        self._send({"type": "traffic", "entry": entry.line()}, None)

    def channel_shape(self, place: Channel, user: str) -> Json:
        shape: Json = {
            "id": place.id,
            "name": place.name or self._workspace.app.name,
            "is_im": place.is_im,
            "is_private": place.is_private,
            "is_archived": place.is_archived,
            "members": list(place.members),
            "topic": place.topic,
            "unread": self._workspace.unread(user, place.id),
        }
        if place.is_im:
            shape["im_user"] = place.im_user
        return shape

    def heard(self, change: Change) -> None:  # noqa: PLR0912 one arm for each kind of change
        workspace, url = self._workspace, self._base_url()
        match change:
            case Posted(message):
                shape = shapes.page_message(workspace, message, url)
                self._in_channel(message.channel, {"type": "message", "message": shape})
            case Edited(message, _) | Refreshed(message):
                shape = shapes.page_message(workspace, message, url)
                self._in_channel(message.channel, {"type": "message_changed", "message": shape})
            case Deleted(message):
                gone = {"type": "message_deleted", "channel": message.channel, "ts": message.ts}
                self._in_channel(message.channel, gone)
            case EphemeralShown(message, _):
                shape = shapes.page_message(workspace, message, url)
                self._send({"type": "ephemeral", "message": shape}, message.ephemeral_to)
            case EphemeralGone(message):
                gone = {"type": "ephemeral_deleted", "channel": message.channel, "ts": message.ts}
                self._send(gone, message.ephemeral_to)
            case ViewOpened(view):
                self._send({"type": "view_opened", "view": shapes.view(workspace, view)}, view.user)
            case ViewUpdated(view):
                self._send(
                    {"type": "view_updated", "view": shapes.view(workspace, view)}, view.user
                )
            case ViewClosed(view):
                self._send({"type": "view_closed", "view_id": view.id}, view.user)
            case HomePublished(view):
                self._send({"type": "home", "view": shapes.view(workspace, view)}, view.user)
            case ChannelChanged(channel):
                for feed, user in list(self._feeds.items()):
                    if may_see(channel, user):
                        told = {"type": "channel", "channel": self.channel_shape(channel, user)}
                        _offer(feed, told)
            case Noticed(user, text, place, thread_ts):
                notice: Json = {"type": "notice", "text": text}
                notice |= {"channel": place} if place else {}
                notice |= {"thread_ts": thread_ts} if thread_ts else {}
                self._send(notice, user)
            case AppChanged():
                self._send({"type": "bot", "bot": self._app_shape()}, None)
            case _:
                pass

    def _in_channel(self, channel: str, item: Json) -> None:
        place = self._workspace.channels[channel]
        for feed, user in list(self._feeds.items()):
            if user in place.members or (may_see(place, user) and not place.is_im):
                _offer(feed, item)

    def _send(self, item: Json, user: str | None) -> None:
        for feed, owner in list(self._feeds.items()):
            if user is None or owner == user:
                _offer(feed, item)


def may_see(place: Channel, user: str) -> bool:
    """Members see their places; public channels are in everybody's list."""
    return user in place.members or place.kind == "channel"


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
