"""The HTTP server, in a thread of its own, on a socket that is already bound."""

from __future__ import annotations

import asyncio
import resource
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from importlib.util import find_spec
from typing import Any, Final, Literal

import uvicorn
from starlette.types import ASGIApp

_POLL_INTERVAL: Final = 0.01

SWITCH_SECONDS: Final = 0.001
"""How long a thread keeps the interpreter while another waits for it. With Python's own 5 ms each
request and event would wait so long behind a busy thread, several times."""

MOST_FILES: Final = 16_384

_STALLED_SECONDS: Final = 1.0
"""On shutdown, what a client has not taken after so long is dropped."""

_TAKES_NOTHING: Final = timedelta(seconds=60)
"""A connection whose client takes nothing for so long is closed."""

_MESSAGE_LIMIT: Final = 64 * 1024
"""Bytes of a WebSocket's message: clients have little to say."""


class HttpServer:
    """Serves `app` on the socket `listening`. `stop` gives open requests `grace` to finish.

    `before_stop` ends those that would stay open for ever.
    """

    def __init__(
        self,
        app: ASGIApp,
        listening: socket.socket,
        *,
        grace: timedelta,
        before_stop: Callable[[], None] = lambda: None,
        takes_nothing: timedelta = _TAKES_NOTHING,
    ) -> None:
        self._listening = listening
        self._before_stop = before_stop
        self._loop: asyncio.AbstractEventLoop | None = None
        _close_stalled_connections(listening, after=takes_nothing)
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                http=_http(),
                ws=_WebSockets,
                ws_max_size=_MESSAGE_LIMIT,
                ws_per_message_deflate=False,  # it would take memory for each connection
                proxy_headers=False,
                timeout_graceful_shutdown=max(1, round(grace.total_seconds())),
            )
        )
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def start(self) -> None:
        """Start serving. Returns when requests are answered."""
        sys.setswitchinterval(SWITCH_SECONDS)
        _allow_many_connections()
        self._thread.start()
        while not self._server.started:
            self._thread.join(_POLL_INTERVAL)
            if not self._thread.is_alive():
                raise RuntimeError("the HTTP server stopped while it started")

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """Finish open requests and accept no new ones. Returns when done or after `grace`."""
        self._before_stop()
        self._server.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(
                    self._loop.call_later, _STALLED_SECONDS, self._drop_stalled
                )
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve(sockets=[self._listening])

    def _drop_stalled(self) -> None:
        for connection in list(self._server.server_state.connections):
            transport = connection.transport
            if transport.get_write_buffer_size():
                transport.abort()


def _http() -> type[asyncio.Protocol] | Literal["h11"]:
    """h11 has a limit to what comes before a body; httptools, which is faster, has ours."""
    if find_spec("httptools") is None:
        return "h11"
    from bot.process.http_protocol import BoundedHttp

    return BoundedHttp


class _WebSockets(asyncio.Protocol):
    """uvicorn's WebSockets, whose library is imported when the first one is opened."""

    def __new__(cls, **arguments: Any) -> asyncio.Protocol:  # type: ignore[misc]  # another class
        from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

        return WebSocketsSansIOProtocol(**arguments)


def _allow_many_connections() -> None:
    """Raise the limit of open files: each stream is one, and many systems begin with 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _close_stalled_connections(listening: socket.socket, *, after: timedelta) -> None:
    """Close connections whose client takes nothing, on systems that can."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None and listening.family in (socket.AF_INET, socket.AF_INET6):
        milliseconds = round(after.total_seconds() * 1000)
        listening.setsockopt(socket.IPPROTO_TCP, option, milliseconds)
