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


class CuttableHttp(H11Protocol):
    """HTTP whose requests can end their own connection, for replies that get lost."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, CUT: transport.abort}


class CuttableWebSocket(WebSocketsSansIOProtocol):
    """A WebSocket that can vanish without a close frame, as when a network fails."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, CUT: transport.abort}


class NoResponse(Response):
    """Stands for an answer that never leaves the server."""

    async def __call__(self, _scope: Scope, _receive: Receive, _send: Send) -> None:
        return


def abort(connection: HTTPConnection) -> None:
    """Break the connection that this request or WebSocket came over."""
    state: Mapping[str, Any] = connection.scope.get("state", {})
    state[CUT]()


async def cut(request: Request) -> Response:
    """Cut the connection of this request; the caller sees it break."""
    abort(request)
    while not await request.is_disconnected():
        await asyncio.sleep(0)
    return NoResponse(status_code=499)
