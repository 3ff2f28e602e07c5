"""Connections that break: requests and WebSockets that end without a word."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

CUT = "practice.cut"
HUSH = "practice.hush"
A_PAYLOAD = 100
"""More bytes than a ping or an answer to one has."""


class CuttableHttp(H11Protocol):
    """HTTP whose requests can end their own connection, for replies that get lost."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, CUT: transport.abort}


class CuttableWebSocket(WebSocketsSansIOProtocol):
    """A WebSocket that can vanish without a close frame, or go quiet, as when a network fails."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._line = Line(transport)
        self.transport = self._line  # type: ignore[assignment] # a transport in all but its class
        self.app_state = {**self.app_state, CUT: transport.abort, HUSH: self._line.hush}

    def data_received(self, data: bytes) -> None:
        if not self._line.quiet:
            super().data_received(data)


class Line:
    """A transport that can go dead without either end being told: nothing arrives any more."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._breaks = False
        self.quiet = False

    def hush(self, *, within_payload: bool) -> None:
        """Now, or when half of the next payload has gone out."""
        self._breaks, self.quiet = within_payload, not within_payload

    def write(self, data: bytes) -> None:
        if self.quiet:
            return
        if self._breaks and len(data) > A_PAYLOAD:
            self.quiet = True
            data = data[: len(data) // 2]
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class NoResponse(Response):
    """Stands for an answer that never leaves the server."""

    async def __call__(self, _scope: Scope, _receive: Receive, _send: Send) -> None:
        return


def abort(connection: HTTPConnection) -> None:
    """Break the connection that this request or WebSocket came over."""
    state: Mapping[str, Any] = connection.scope.get("state", {})
    state[CUT]()


def hush(connection: HTTPConnection, *, within_payload: bool = False) -> None:
    """Let this WebSocket die without a word, now or in the midst of what it is sent next."""
    state: Mapping[str, Any] = connection.scope.get("state", {})
    state[HUSH](within_payload=within_payload)


async def cut(request: Request) -> Response:
    """Cut the connection of this request; the caller sees it break."""
    abort(request)
    while not await request.is_disconnected():
        await asyncio.sleep(0)
    return NoResponse(status_code=499)
