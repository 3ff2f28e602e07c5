"""HTTP and WebSocket connections that can break or go silent without a close."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

ABORT = "practice.abort"
GO_SILENT = "practice.go_silent"
SMALLEST_PAYLOAD = 100
"""Bytes; pings and pongs are shorter."""


class FaultyHttp(H11Protocol):
    """HTTP connections that a request handler can abort, so that its response is lost."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, ABORT: transport.abort}


class FaultyWebSocket(WebSocketsSansIOProtocol):
    """A WebSocket that can be aborted or go silent, as if the network had failed."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._silenceable = SilenceableTransport(transport)
        self.transport = self._silenceable  # type: ignore[assignment] # it delegates to one
        self.app_state = {
            **self.app_state,
            ABORT: transport.abort,
            GO_SILENT: self._silenceable.go_silent,
        }

    def data_received(self, data: bytes) -> None:
        if not self._silenceable.silent:
            super().data_received(data)


class SilenceableTransport:
    """A transport that can stop carrying data in both directions without closing."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._silent_within_payload = False
        self.silent = False

    def go_silent(self, *, within_payload: bool) -> None:
        """Stop now, or after sending half of the next payload."""
        self._silent_within_payload, self.silent = within_payload, not within_payload

    def write(self, data: bytes) -> None:
        if self.silent:
            return
        if self._silent_within_payload and len(data) > SMALLEST_PAYLOAD:
            self.silent = True
            data = data[: len(data) // 2]
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class NoResponse(Response):
    """A response that sends nothing."""

    async def __call__(self, _scope: Scope, _receive: Receive, _send: Send) -> None:
        return


def abort(connection: HTTPConnection) -> None:
    """Abort the connection of this request or WebSocket."""
    state: Mapping[str, Any] = connection.scope.get("state", {})
    state[ABORT]()


def go_silent(connection: HTTPConnection, *, within_payload: bool = False) -> None:
    """Make this WebSocket silent, now or in the middle of the next payload it is sent."""
    state: Mapping[str, Any] = connection.scope.get("state", {})
    state[GO_SILENT](within_payload=within_payload)


async def drop_connection(request: Request) -> Response:
    """Abort the connection of this request without a response."""
    abort(request)
    while not await request.is_disconnected():
        await asyncio.sleep(0)
    return NoResponse(status_code=499)
