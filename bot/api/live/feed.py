"""What one client of a stream gets, however it is sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.types import Receive

from bot.api.access import Caller
from bot.api.live.audience import Audience, Sight
from bot.api.live.hub import Hub, Listener
from bot.api.live.ring import NOTHING, Batch


@dataclass(frozen=True, slots=True)
class Start:
    """Where a stream begins: after `position`, with all events or with those of one execution.

    `ended`: the execution has ended, so no more events come than are in the database.
    """

    caller: Caller
    sight: Sight
    position: int
    execution_id: str | None = None
    ended: bool = False


class Feed:
    """`may_listen` is False once the caller's token is no longer valid."""

    def __init__(self, hub: Hub, audience: Audience, start: Start, listener: Listener) -> None:
        self.may_listen = True
        self._hub = hub
        self._audience = audience
        self._start = start
        self._sight = start.sight
        self._listener = listener

    async def batches(self) -> AsyncIterator[Batch]:
        """The events, as they come; NOTHING when a heartbeat is due.

        It ends with the last event of an execution, when the client has left, when the server
        stops, and when the caller may no longer listen.
        """
        listener = self._listener
        listener.quiet_since = time.monotonic()
        while not self._hub.closed and not listener.closed:
            batch = await self._hub.after(listener)
            at_end = not batch and self._start.ended
            visible = await self._visible(batch)
            if visible is None or at_end:
                return
            if visible:
                listener.quiet_since = time.monotonic()
                yield visible
                if self._start.execution_id is not None and visible.events[-1].event.is_last:
                    return
            elif time.monotonic() - listener.quiet_since >= self._hub.heartbeat:
                listener.quiet_since = time.monotonic()
                yield NOTHING
            if not batch:
                await listener.wait()

    async def _visible(self, batch: Batch) -> Batch | None:
        """What the caller may see of it; None if they may not listen any more."""
        sight = await self._audience.sight(self._start.caller, at_least=self._sight)
        if sight is None:
            self.may_listen = False
            return None
        self._sight = sight
        if sight.channels is None or not batch:
            return batch
        visible = batch.only(sight.sees)
        return None if self._start.execution_id is not None and not visible else visible


@asynccontextmanager
async def feeding(
    hub: Hub, audience: Audience, start: Start, receive: Receive
) -> AsyncIterator[Feed]:
    """The feed of a client, until it disconnects."""
    with hub.listening(start.execution_id, after=start.position) as listener:
        gone = asyncio.create_task(until_gone(receive, listener))
        try:
            yield Feed(hub, audience, start, listener)
        finally:
            gone.cancel()


async def until_gone(receive: Receive, listener: Listener) -> None:
    """Close the listener when the client disconnects; what it sends is dropped."""
    while True:
        message = await receive()
        if message["type"] in ("http.disconnect", "websocket.disconnect"):
            listener.close()
            return
