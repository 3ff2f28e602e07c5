"""A receiver of webhooks: a real HTTP server on loopback that answers as a test says."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

from standardwebhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLDER_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@dataclass(frozen=True)
class Received:
    """A request, as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def payload(self) -> Any:
        return json.loads(self.body)

    @property
    def type(self) -> str:
        return str(self.payload["type"])

    def verify(self, secret: str = SECRET) -> None:
        """Judge the signature by the official library."""
        Webhook(secret).verify(self.body, dict(self.headers))


@dataclass(frozen=True)
class Answer:
    """`hang`: seconds before anything is answered. `cut`: close the connection instead."""

    status: int = 200
    headers: Mapping[str, str] | None = None
    body: bytes = b"ok"
    hang: float = 0
    cut: bool = False


Answers: TypeAlias = Callable[[Received, int], Answer]
"""What to answer to a request; the number says how many came before it."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """Senders that give up cut their connections: that is no error of the receiver."""


class Receiver:
    """What arrived, in its order."""

    def __init__(self, answers: Answers, context: ssl.SSLContext | None = None) -> None:
        self.requests: list[Received] = []
        self._answers = answers
        self._changed = threading.Condition()
        self._closing = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver._handle(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self.host = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        received = Received(handler.path, headers, body)
        with self._changed:
            answer = self._answers(received, len(self.requests))
            self.requests.append(received)
            self._changed.notify_all()
        if answer.hang:
            self._closing.wait(answer.hang)
        if answer.cut:
            handler.close_connection = True
            handler.connection.close()
            return
        handler.send_response(answer.status)
        for name, value in (answer.headers or {}).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        handler.wfile.write(answer.body)

    def wait_for(self, count: int, *, seconds: float = 20) -> list[Received]:
        """Wait for so many requests. Returns all that arrived."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self.requests) >= count, seconds)
            assert arrived, f"{len(self.requests)} of {count} requests arrived: {self.types}"
            return [*self.requests]

    def wait_until(
        self, condition: Callable[[list[Received]], bool], *, seconds: float = 20
    ) -> list[Received]:
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self.requests), seconds), self.types
            return [*self.requests]

    @property
    def types(self) -> list[str]:
        return [each.type for each in self.requests]

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def receiving(
    answers: Answers = lambda _request, _number: Answer(), context: ssl.SSLContext | None = None
) -> Iterator[Receiver]:
    receiver = Receiver(answers, context)
    try:
        yield receiver
    finally:
        receiver.close()
