"""The offline drafter as an HTTP endpoint on loopback, which any OpenAI client can talk to."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self

from crew_runner.child.environment import OFFLINE_MODEL
from crew_runner.models.drafter import openai_protocol
from crew_runner.models.drafter.openai_protocol import Refusal, Reply
from storage.definitions import ModelSettings

log = logging.getLogger(__name__)

_MOST_BYTES: Final = 16 * 1024 * 1024


class OfflineDrafter:
    """`start()` returns the base URL; `stop()` stops the server. Also a context manager."""

    def __init__(self) -> None:
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        if self._server is None:
            raise RuntimeError("the offline drafter is not started")
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def settings(self) -> ModelSettings:
        """The model settings that point a crew to this server."""
        return ModelSettings(
            openai_api_key="offline",
            openai_base_url=self.base_url,
            openai_model=OFFLINE_MODEL,
        )

    def start(self) -> str:
        if self._server is None:
            self._server = _Server(("127.0.0.1", 0), self)
            self._thread = threading.Thread(
                target=self._server.serve_forever,
                kwargs={"poll_interval": 0.05},
                name="offline-drafter",
                daemon=True,
            )
            self._thread.start()
        return self.base_url

    def stop(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        server.shutdown()
        server.server_close()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def reply_to(self, body: dict[str, Any]) -> Reply:
        """Drafts the answer to the body of a chat completion. Raises Refusal."""
        return openai_protocol.reply_to(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], drafter: OfflineDrafter) -> None:
        self.drafter = drafter
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as in the base
        """Log every error except a client that disconnected during an answer."""
        if not isinstance(sys.exception(), ConnectionError):
            log.error("drafter.failed", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        if self.path.rstrip("/") == "/v1/models":
            model = {"id": OFFLINE_MODEL, "object": "model", "created": 0, "owned_by": "offline"}
            self._send(200, {"object": "list", "data": [model]})
        else:
            self._refuse(Refusal(404, f"Unknown request URL: GET {self.path}"))

    def do_POST(self) -> None:
        try:
            body = self._body()
            if self.path.partition("?")[0].rstrip("/") != "/v1/chat/completions":
                raise Refusal(404, f"Unknown request URL: POST {self.path}")
            reply = self.server.drafter.reply_to(body)
        except Refusal as refusal:
            self._refuse(refusal)
            return
        created = int(time.time())
        if body.get("stream"):
            self._stream(body, reply, created)
        else:
            self._send(200, openai_protocol.completion(body, reply, created))

    def log_message(self, format: str, *args: Any) -> None:
        """Logs nothing, because requests contain people's texts."""

    def _body(self) -> dict[str, Any]:
        """The JSON object in the request."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > _MOST_BYTES:
            self.close_connection = True
            status = 413 if length else 411
            raise Refusal(status, "A Content-Length of at most 16 MB is needed")
        try:
            body = json.loads(self.rfile.read(int(length)))
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Refusal(400, "The body is not a JSON object")
        return body

    def _stream(self, body: dict[str, Any], reply: Reply, created: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in openai_protocol.events(body, reply, created):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
        self.wfile.write(b"0\r\n\r\n")

    def _refuse(self, refusal: Refusal) -> None:
        after = refusal.retry_after
        self._send(
            refusal.status, refusal.body, {} if after is None else {"Retry-After": f"{after:g}"}
        )

    def _send(
        self, status: int, answer: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        payload = json.dumps(answer, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(payload)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)
