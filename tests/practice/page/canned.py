"""A server with canned responses for the page that records what the page sends."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from practice.server import PAGE
from tests.practice.page import samples

Json = dict[str, Any]
Answer = Callable[[Json], Json]

POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


class Call(NamedTuple):
    path: str
    body: Json


def _agreed(_body: Json) -> Json:
    return {"ok": True}


PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)


class CannedWorkspace:
    """Tests set state, histories and answers before they open the page."""

    def __init__(self) -> None:
        self.address = ""
        self._arrived = threading.Condition()
        self._release = threading.Event()
        self._reads = threading.Event()
        self._reading = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sockets: list[WebSocket] = []
        self.reset()

    def reset(self) -> None:
        """Restore the state that every test starts from."""
        self.histories: dict[str, list[Json]] = {samples.CAMPAIGNS: samples.history()}
        self.threads: dict[str, list[Json]] = {samples.ROOT: samples.thread()}
        self.home: Json | None = None
        self.traffic: list[Json] = []
        self.file_text = samples.PLAN
        self.answers: dict[str, Answer] = {}
        self.change_state: Callable[[Json], None] = lambda _state: None
        self.refuses_events = False
        self.calls: list[Call] = []
        self._release.set()
        self._reads.set()

    # For tests.

    def show(self, *messages: Json, channel: str = samples.CAMPAIGNS) -> None:
        """Replace the messages of a channel."""
        self.histories[channel] = list(messages)

    def push(self, event: Json) -> None:
        """Send the event to every open page."""
        self._run(self._push(event))

    def drop_connections(self) -> None:
        self._run(self._drop())

    @contextmanager
    def held(self) -> Iterator[None]:
        """Delay the responses to POST requests until the block ends."""
        self._release.clear()
        try:
            yield
        finally:
            self._release.set()

    @contextmanager
    def held_reads(self) -> Iterator[Callable[[], None]]:
        """Read histories at once but send them when the block ends; yields a wait for a read."""
        self._reads.clear()
        self._reading.clear()

        def wait_for_a_read() -> None:
            assert self._reading.wait(15)

        try:
            yield wait_for_a_read
        finally:
            self._reads.set()

    def wait_for_call(self, path: str, *, after: int = 0, timeout: float = 15) -> Json:
        """Wait for a POST to `path`, skipping the first `after` calls, and return its body."""

        def matching_call() -> Json | None:
            return next((call.body for call in self.calls[after:] if call.path == path), None)

        with self._arrived:
            self._arrived.wait_for(lambda: matching_call() is not None, timeout)
        body = matching_call()
        assert body is not None, f"the page sent no {path}, only {self.calls[after:]}"
        return body

    @property
    def connections(self) -> int:
        return len(self._sockets)

    # The server.

    def _run(self, work: Any) -> None:
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(work, self._loop).result(15)

    async def _push(self, event: Json) -> None:
        for open_socket in list(self._sockets):
            await open_socket.send_json(event)

    async def _drop(self) -> None:
        for open_socket in list(self._sockets):
            await open_socket.close(code=1012)

    async def _state(self, request: Request) -> Response:
        state = samples.state(request.query_params.get("user", samples.ANA))
        self.change_state(state)
        return JSONResponse(state)

    async def _history(self, request: Request) -> Response:
        messages = list(self.histories.get(request.query_params["channel"], []))
        self._reading.set()
        await asyncio.to_thread(self._reads.wait, 10)
        return JSONResponse({"messages": messages})

    async def _thread(self, request: Request) -> Response:
        return JSONResponse({"messages": self.threads.get(request.query_params["ts"], [])})

    async def _home(self, _request: Request) -> Response:
        return JSONResponse({"view": self.home})

    async def _traffic(self, _request: Request) -> Response:
        return JSONResponse({"entries": self.traffic, "next": len(self.traffic)})

    async def _traffic_body(self, request: Request) -> Response:
        return JSONResponse({"seq": request.path_params["seq"], "body": {"text": "<b>raw</b>"}})

    async def _file(self, request: Request) -> Response:
        if request.path_params["name"].endswith(".png"):
            return Response(PIXEL, media_type="image/png")
        return PlainTextResponse(self.file_text)

    async def _post(self, request: Request) -> Response:
        is_file = request.headers["content-type"] == "application/octet-stream"
        body = dict(request.query_params) if is_file else await request.json()
        call = Call(request.url.path, body)
        with self._arrived:
            self.calls.append(call)
            self._arrived.notify_all()
        await asyncio.to_thread(self._release.wait, 10)
        if call.path == "/page/dismiss":
            self._forget(call.body["message_ts"])
        answer = self.answers.get(call.path, _agreed)
        return JSONResponse(answer(call.body))

    def _forget(self, ts: str) -> None:
        for messages in [*self.histories.values(), *self.threads.values()]:
            messages[:] = [message for message in messages if message["ts"] != ts]

    async def _events(self, websocket: WebSocket) -> None:
        if self.refuses_events:
            await websocket.close()
            return
        await websocket.accept()
        self._sockets.append(websocket)
        try:
            while True:
                await websocket.receive_text()
        except WebSocketDisconnect:
            pass
        finally:
            self._sockets.remove(websocket)

    async def _index(self, _request: Request) -> Response:
        return FileResponse(PAGE / "index.html")

    def app(self) -> ASGIApp:
        return _with_policy(
            Starlette(
                routes=[
                    Route("/", self._index),
                    Route("/page/state", self._state),
                    Route("/page/history", self._history),
                    Route("/page/thread", self._thread),
                    Route("/page/home", self._home),
                    Route("/page/traffic", self._traffic),
                    Route("/page/traffic/{seq:int}", self._traffic_body),
                    Route("/page/files/{file_id}/{name}", self._file),
                    WebSocketRoute("/page/events", self._events),
                    Route("/page/{call:path}", self._post, methods=["POST"]),
                ]
            )
        )

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve on a free loopback port; yields the address."""
        listener = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            self.app(), log_config=None, log_level="error", lifespan="off", ws="websockets-sansio"
        )
        server = uvicorn.Server(config)
        ready = threading.Event()

        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            ready.set()
            await server.serve(sockets=[listener])

        thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
        thread.start()
        assert ready.wait(10)
        self.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            yield self.address
        finally:
            server.should_exit = True
            thread.join(10)
            listener.close()
            assert not thread.is_alive()


def _with_policy(app: Starlette) -> ASGIApp:
    """Add a content security policy, as the practice server does."""
    app.mount("/static", StaticFiles(directory=PAGE))

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message["headers"], (b"content-security-policy", POLICY.encode())]
                if scope["path"].startswith("/static/"):
                    headers.append((b"cache-control", b"max-age=600"))
                message = {**message, "headers": headers}
            await send(message)

        await app(scope, receive, send_with_policy)

    return serve
