"""The same events over a WebSocket, as JSON messages."""

from __future__ import annotations

from typing import Final

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from bot.api.live.audience import Audience
from bot.api.live.feed import Start, feeding
from bot.api.live.hub import Hub

ENDED: Final = 1000
STOPPING: Final = 1012  # "service restart": connect again

_REFUSED: Final = 4000
"""Added to a status code: 4403 is a 403, 4404 a 404."""


async def refuse(socket: WebSocket, status: int, reason: str) -> None:
    """Close with a code that names the status. A browser shows no page the status itself."""
    await socket.accept()
    await socket.close(_REFUSED + status, reason)


async def send_events(socket: WebSocket, hub: Hub, audience: Audience, start: Start) -> None:
    """Send events as they come. The server's pings are the heartbeats."""
    await socket.accept()
    try:
        async with feeding(hub, audience, start, socket.receive) as feed:
            async for batch in feed.batches():
                for event in batch.events:
                    await socket.send_text(event.json)
        if not feed.may_listen:
            await socket.close(_REFUSED + 401, "a valid token is needed")
        else:
            await socket.close(STOPPING if hub.closed else ENDED)
    except (WebSocketDisconnect, RuntimeError):
        return  # the client has left
