"""The offline drafter as an HTTP endpoint on loopback, which any OpenAI client can talk to."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

from crew_runner.child.environment import OFFLINE_MODEL
from crew_runner.models.drafter import wire
from storage.definitions import ModelSettings

log = logging.getLogger(__name__)

_MOST_BYTES: Final = 16 * 1024 * 1024
_FAULTS: Final = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    500: ("server_error", None),
    503: ("server_error", None),
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request that reached the drafter, answered or refused."""

    number: int
    task: str
    """The first line of the task, such as `Deliverable: content plan`."""
    revision: int
    """How many rounds of feedback the conversation holds."""
    status: int
    prompt_tokens: int
    completion_tokens: int
    streamed: bool


class OfflineDrafter:
    """`start()` gives the base URL; `stop()` ends it. Also a context manager.

    `delay` seconds pass before each answer. `fail_next`, `calls` and `watch`, which is handed the
    body of every call, are for those who want to see how their side behaves.
    """

    def __init__(
        self,
        *,
        delay: float = 0.0,
        port: int = 0,
        watch: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        self.delay = delay
        self._watch = watch
        self._port = port
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._faults: deque[tuple[int, float | None]] = deque()

    @property
    def base_url(self) -> str:
        if self._server is None:
            raise RuntimeError("the offline drafter is not started")
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every chat completion asked for so far, in the order of arrival."""
        with self._lock:
            return tuple(self._calls)

    def settings(self) -> ModelSettings:
        """The model settings that lead a crew here."""
        return ModelSettings(
            openai_api_key="offline",
            openai_base_url=self.base_url,
            openai_model=OFFLINE_MODEL,
        )

    def fail_next(self, times: int, status: int = 500, *, retry_after: float | None = None) -> None:
        """Refuse the next `times` calls with this status."""
        with self._lock:
            self._faults.extend([(status, retry_after)] * times)

    def clear_faults(self) -> None:
        with self._lock:
            self._faults.clear()

    def start(self) -> str:
        if self._server is not None:
            return self.base_url
        self._stopping.clear()
        self._server = _Server(("127.0.0.1", self._port), self)
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
        self._stopping.set()
        server.shutdown()
        server.server_close()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def wait(self) -> None:
        """Let the delay pass; a stop ends it at once."""
        self._stopping.wait(self.delay)

    def next_fault(self) -> tuple[int, float | None] | None:
        with self._lock:
            return self._faults.popleft() if self._faults else None

    def record(self, body: dict[str, Any], *, status: int, reply: wire.Reply | None) -> int:
        """Note a call and give its number, counted from 1."""
        task, revision = wire.outline(body)
        if self._watch is not None:
            self._watch(body)
        with self._lock:
            number = len(self._calls) + 1
            self._calls.append(
                Call(
                    number=number,
                    task=task,
                    revision=revision,
                    status=status,
                    prompt_tokens=reply.prompt_tokens if reply else 0,
                    completion_tokens=reply.completion_tokens if reply else 0,
                    streamed=bool(body.get("stream")),
                )
            )
            return number


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], drafter: OfflineDrafter) -> None:
        self.drafter = drafter
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as in the base
        """A caller that went away in the middle of an answer is no news; all else is."""
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
            self._refuse(404, f"Unknown request URL: GET {self.path}")

    def do_POST(self) -> None:
        body = self._body()
        if body is None:
            return
        if self.path.partition("?")[0].rstrip("/") != "/v1/chat/completions":
            self._refuse(404, f"Unknown request URL: POST {self.path}")
            return
        drafter = self.server.drafter
        drafter.wait()
        if fault := drafter.next_fault():
            status, retry_after = fault
            drafter.record(body, status=status, reply=None)
            self._refuse(status, f"Refused with {status} on purpose", retry_after=retry_after)
            return
        try:
            reply = wire.reply_to(body)
        except wire.BadRequest as problem:
            drafter.record(body, status=400, reply=None)
            self._refuse(400, str(problem), param=problem.param)
            return
        number = drafter.record(body, status=200, reply=reply)
        created = int(time.time())
        if body.get("stream"):
            self._stream(body, reply, number=number, created=created)
        else:
            self._send(200, wire.completion(body, reply, number=number, created=created))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged: requests hold the text of other people."""

    def _body(self) -> dict[str, Any] | None:
        """The JSON object that was sent, or None once it has been refused."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > _MOST_BYTES:
            self.close_connection = True
            self._refuse(411 if not length else 413, "A Content-Length of at most 16 MB is needed")
            return None
        try:
            body = json.loads(self.rfile.read(int(length)))
        except ValueError:
            body = None
        if not isinstance(body, dict):
            self._refuse(400, "The body is not a JSON object")
            return None
        return body

    def _stream(
        self, body: dict[str, Any], reply: wire.Reply, *, number: int, created: int
    ) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in wire.events(body, reply, number=number, created=created):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
        self.wfile.write(b"0\r\n\r\n")

    def _refuse(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        kind, code = _FAULTS.get(status, ("invalid_request_error", None))
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        self._send(status, wire.error(message, kind=kind, code=code, param=param), headers)

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
