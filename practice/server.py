"""Serves the practice workspace over HTTP, in the foreground or from a thread."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from practice.control_api import ControlApi
from practice.faults import injection
from practice.faults.connections import FaultyHttp, FaultyWebSocket
from practice.page_api import PageApi
from practice.practice import Practice
from practice.same_origin import SameOriginMiddleware

log = logging.getLogger(__name__)

PAGE = Path(__file__).parent / "page"
T = TypeVar("T")


class NotLoopback(ValueError):
    """The workspace has no passwords, so it only binds to loopback addresses."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} is not a loopback address; use 127.0.0.1")
        self.host = host


def create_app(practice: Practice) -> ASGIApp:
    """The web application for one practice workspace."""

    async def index(_request: Request) -> Response:
        return FileResponse(PAGE / "index.html")

    async def upload(request: Request) -> Response:
        return await _receive_file(practice, request)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await practice.close()

    api = practice.web_api.endpoint
    starlette = Starlette(
        routes=[
            Route("/", index),
            Mount("/static", StaticFiles(directory=PAGE, check_dir=False)),
            Route("/api/{method}", api, methods=["GET", "POST"]),
            Route("/upload/{ticket}", upload, methods=["POST", "PUT"]),
            Route("/hooks/{team}/{name}", practice.response_url_api.endpoint, methods=["POST"]),
            WebSocketRoute("/socket", practice.sockets.endpoint),
            *PageApi(practice).routes(),
            *ControlApi(practice).routes(),
        ],
        exception_handlers={HTTPException: _http_error, ClientDisconnect: _client_disconnected},
        lifespan=lifespan,
    )
    return SameOriginMiddleware(starlette)


async def _client_disconnected(request: Request, _error: Exception) -> Response:
    """The client went away before its request was complete, so no one reads this answer."""
    log.debug("client.disconnected", extra={"path": request.url.path})
    return Response(status_code=499)


async def _http_error(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else "error"
    return JSONResponse({"ok": False, "error": detail}, status_code=status)


async def _receive_file(practice: Practice, request: Request) -> Response:
    """The second step of an upload: the file's bytes."""
    fault = practice.faults.next("upload")
    answer = await injection.before_call(request, fault)
    if answer is None:
        answer = _store_upload(practice, request.path_params["ticket"], await request.body())
    return await injection.after_call(request, fault, answer)


def _store_upload(practice: Practice, ticket: str, content: bytes) -> Response:
    file_id = practice.uploads.waiting.pop(ticket, None)
    upload = practice.workspace.files.get(file_id or "")
    if upload is None:
        return PlainTextResponse("unknown upload", status_code=404)
    if len(content) != upload.size:
        return PlainTextResponse("the length differs from the announced one", status_code=400)
    upload.content, upload.uploaded = content, True
    practice.workspace.store_file(upload)
    return PlainTextResponse(f"OK - {upload.size}")


def bound_socket(host: str, port: int) -> socket.socket:
    """Bind a socket to a loopback address; port 0 picks a free port."""
    name = "127.0.0.1" if host == "localhost" else host
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        raise NotLoopback(host) from None
    if not address.is_loopback:
        raise NotLoopback(host)
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((name, port))
    return listening


class Server(uvicorn.Server):
    """A uvicorn server that stops at once when asked to."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stop_requested = asyncio.Event()

    async def main_loop(self) -> None:
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop_requested.wait(), 0.1)

    def stop(self) -> None:
        self.should_exit = True
        self._stop_requested.set()


def web_server(practice: Practice, listening: socket.socket) -> Server:
    """Create a server for this socket and set the workspace's base URL."""
    host, port = listening.getsockname()[:2]
    practice.base_url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    config = uvicorn.Config(
        create_app(practice),
        http=FaultyHttp,
        ws=FaultyWebSocket,
        ws_ping_interval=10.0,
        ws_per_message_deflate=False,
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    return Server(config)


class Running:
    """A practice workspace served from a thread of this process."""

    def __init__(self, practice: Practice, loop: asyncio.AbstractEventLoop) -> None:
        self.practice = practice
        self._loop = loop

    @property
    def url(self) -> str:
        return self.practice.base_url

    def call(self, act: Callable[[], T]) -> T:
        """Run a function in the server's event loop and return its result."""

        async def run() -> T:
            return act()

        return self.wait(run())

    def wait(self, coroutine: Coroutine[None, None, T], *, timeout: float = 30.0) -> T:
        """Run a coroutine in the server's event loop and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout)


@contextlib.contextmanager
def serve(practice: Practice, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[Running]:
    """Serve a workspace from a thread until the block ends."""
    listening = bound_socket(host, port)
    server = web_server(practice, listening)
    loops: list[asyncio.AbstractEventLoop] = []
    started = threading.Event()

    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        serving = asyncio.ensure_future(server.serve(sockets=[listening]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.005)
        started.set()
        await serving

    thread = threading.Thread(target=lambda: asyncio.run(main()), name="practice", daemon=True)
    thread.start()
    try:
        if not started.wait(10) or not server.started:
            raise RuntimeError("the practice workspace did not start")
        yield Running(practice, loops[0])
    finally:
        if thread.is_alive():
            loops[0].call_soon_threadsafe(server.stop)
        thread.join(10)
        listening.close()
