"""Server-Sent Events: a response that never ends by itself."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bot.api.live.audience import Audience
from bot.api.live.feed import Start, feeding
from bot.api.live.hub import Hub

MEDIA_TYPE: Final = "text/event-stream"

RETRY_MILLISECONDS: Final = 2000
"""What a browser waits before it connects again."""

_HEARTBEAT: Final = b": heartbeat\n\n"


class EventStream(Response):
    """Sends events as they come.

    A stream that starts from now begins with an id, so that a client that loses the connection
    before its first event resumes where it started.
    """

    media_type = MEDIA_TYPE

    def __init__(self, hub: Hub, audience: Audience, start: Start) -> None:
        super().__init__(
            headers={
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",  # nginx would collect the events
            }
        )
        del self.headers["content-length"]
        self._hub = hub
        self._audience = audience
        self._start = start

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        beginning = f"retry: {RETRY_MILLISECONDS}\n"
        if self._start.execution_id is None:
            beginning += f"id: {self._start.position}\n\n"
        await _send(send, beginning.encode())
        async with feeding(self._hub, self._audience, self._start, receive) as feed:
            async for batch in feed.batches():
                await _send(send, batch.block or _HEARTBEAT)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send(send: Send, chunk: bytes) -> None:
    await send({"type": "http.response.body", "body": chunk, "more_body": True})
