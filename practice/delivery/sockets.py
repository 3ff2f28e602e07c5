"""Socket Mode: the app's WebSockets, envelopes and their acknowledgements."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Coroutine

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from practice.delivery.deliveries import Ack, Delivery
from practice.faults.connections import abort
from practice.state.records import Json
from practice.state.tickets import SocketTickets

RETIRING_SECONDS = 10.0
MAX_SOCKETS = 10
WARNING_SECONDS = 10.0
ACCEPTS_PAYLOAD = {"slash_commands", "interactive"}


class Link:
    """One open socket and its unacknowledged envelopes."""

    def __init__(self, websocket: WebSocket, number: int) -> None:
        self.websocket = websocket
        self.number = number
        self.waiting: dict[str, asyncio.Future[Ack]] = {}
        self.retiring = False


class Sockets:
    """The app's sockets. Payloads go to them in rotation."""

    def __init__(self, tickets: SocketTickets, *, app_id: str, changed: Callable[[], None]) -> None:
        self._tickets = tickets
        self._app_id = app_id
        self._on_change = changed
        self.links: list[Link] = []
        self.opened = 0
        self.swallow_acks = 0
        self.refresh_after: float | None = None
        """Seconds until each new socket gets a `warning` and then has to reconnect."""
        self.warning_seconds = WARNING_SECONDS
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        return any(not link.retiring for link in self.links)

    async def endpoint(self, websocket: WebSocket) -> None:
        if not self._tickets.use(websocket.query_params.get("ticket", "")):
            await websocket.close(code=4001)
            return
        await websocket.accept()
        if len(self.links) >= MAX_SOCKETS:
            await websocket.send_json(_disconnect("too_many_websockets", self.opened))
            await websocket.close(code=1008)
            return
        self.opened += 1
        link = Link(websocket, self.opened)
        self.links.append(link)
        try:
            await websocket.send_json(self._hello())
            self._on_change()
            await self._retire()
            if self.refresh_after is not None:
                self._in_background(self._refresh(link, self.refresh_after))
            while True:
                self._on_message(link, await websocket.receive_text())
        except WebSocketDisconnect:
            return
        finally:
            self._on_closed(link)

    async def push(
        self, delivery: Delivery, *, attempt: int, reason: str | None, timeout: float
    ) -> Ack:
        link = self._next_link()
        if link is None:
            return Ack(0, problem="no_connection")
        envelope_id = str(uuid.uuid4())
        envelope: Json = {
            "envelope_id": envelope_id,
            "type": delivery.kind,
            "payload": delivery.payload,
            "accepts_response_payload": delivery.kind in ACCEPTS_PAYLOAD,
        }
        if delivery.kind == "events_api":
            envelope |= {"retry_attempt": attempt, "retry_reason": reason or ""}
        answer: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        link.waiting[envelope_id] = answer
        try:
            await link.websocket.send_json(envelope)
            return await asyncio.wait_for(answer, timeout)
        except TimeoutError:
            return Ack(0, problem="timeout")
        except (WebSocketDisconnect, RuntimeError):
            return Ack(0, problem="connection_lost")
        finally:
            link.waiting.pop(envelope_id, None)

    async def disconnect(self, *, reason: str = "refresh_requested", abrupt: bool = False) -> int:
        """Ask every socket to disconnect, or abort them all; returns their number.

        A disconnecting socket gets no more payloads. It is closed when a new one opens or
        after `RETIRING_SECONDS`.
        """
        links = [link for link in self.links if not link.retiring]
        for link in links:
            link.retiring = True
            if not abrupt:
                await link.websocket.send_json(_disconnect(reason, link.number))
        if abrupt:
            for link in links:
                abort(link.websocket)
        else:
            loop = asyncio.get_running_loop()
            loop.call_later(RETIRING_SECONDS, lambda: self._in_background(self._retire()))
        self._on_change()
        return len(links)

    async def _refresh(self, link: Link, after: float) -> None:
        """Warn a socket, then ask it to reconnect, as Slack does every few hours."""
        await asyncio.sleep(after)
        if link not in self.links:
            return
        await link.websocket.send_json(_disconnect("warning", link.number))
        await asyncio.sleep(self.warning_seconds)
        if link not in self.links or link.retiring:
            return
        link.retiring = True
        await link.websocket.send_json(_disconnect("refresh_requested", link.number))
        self._on_change()
        await asyncio.sleep(RETIRING_SECONDS)
        await self._retire()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for link in list(self.links):
            await self._close(link)

    async def _retire(self) -> None:
        for link in [link for link in self.links if link.retiring]:
            await self._close(link)

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _close(self, link: Link) -> None:
        if link.websocket.application_state is WebSocketState.CONNECTED:
            try:
                await link.websocket.close(code=1000)
            except RuntimeError:
                self._on_closed(link)

    def _next_link(self) -> Link | None:
        for index, link in enumerate(self.links):
            if not link.retiring:
                self.links.append(self.links.pop(index))
                return link
        return None

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self.links),
            "connection_info": {"app_id": self._app_id},
            "debug_info": {
                "host": f"practice-{self.opened}",
                "build_number": 1,
                "approximate_connection_time": 18060,
            },
        }

    def _on_message(self, link: Link, text: str) -> None:
        try:
            reply = json.loads(text)
        except ValueError:
            return
        waiting = (
            link.waiting.get(reply.get("envelope_id", "")) if isinstance(reply, dict) else None
        )
        if waiting is None or waiting.done():
            return
        if self.swallow_acks > 0:
            self.swallow_acks -= 1
            return
        waiting.set_result(Ack(200, reply.get("payload")))

    def _on_closed(self, link: Link) -> None:
        if link in self.links:
            self.links.remove(link)
        for answer in link.waiting.values():
            if not answer.done():
                answer.set_result(Ack(0, problem="connection_lost"))
        self._on_change()


def _disconnect(reason: str, number: int) -> Json:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": f"practice-{number}"}}
