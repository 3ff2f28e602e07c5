"""The table of rights: its rows, and one call of the API for each cell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI

FILE: Final = Path(__file__).with_name("rights.txt")

STATES: Final = {
    "active": ("pending", "running", "waiting_feedback"),
    "ended": ("completed", "cancelled", "stopped"),
    "any": ("pending", "running", "waiting_feedback", "completed", "error", "cancelled", "stopped"),
}

BODIES: Final[dict[str, dict[str, Any]]] = {
    "/api/crew/execute": {"crew": "plan", "message": "a summer campaign"},
    "/api/crew/feedback": {
        "execution_id": "{execution_id}",
        "checkpoint_id": "{checkpoint_id}",
        "action": "continue",
    },
    "/amp/{crew}/kickoff": {"inputs": {"request": "a summer campaign"}},
    "/amp/{crew}/resume": {
        "execution_id": "{execution_id}",
        "task_id": "draft_task",
        "human_feedback": "",
        "is_approve": True,
    },
    "/amp/{crew}/human_feedback_requests/{request_id}/respond": {"feedback": "yes"},
    "/api/session": {"token": "cs_wrong"},
}
"""What a POST sends; the others send {}."""


@dataclass(frozen=True, slots=True)
class Row:
    """What each caller gets for a call. `state` is the execution's, or `-`."""

    method: str
    path: str
    state: str
    scope: str
    codes: Mapping[str, int]

    @property
    def route(self) -> tuple[str, str]:
        return self.method, self.path

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.state}"


def read_rows() -> Iterator[Row]:
    """The rows, one for each state."""
    lines = [line.split() for line in FILE.read_text().splitlines()]
    (_, _, _, _, *callers), *rows = [line for line in lines if line and line[0] != "#"]
    for method, path, states, scope, *codes in rows:
        for name in states.split("|"):
            for state in STATES.get(name, (name,)):
                expected = dict(zip(callers, map(int, codes), strict=True))
                yield Row(method, path, state, scope, expected)


ROWS: Final = tuple(read_rows())
CALLERS: Final = tuple(ROWS[0].codes)


def routes_of(router: Any) -> Iterator[tuple[str, str]]:
    """The method and path of every route of the application."""
    for route in router.routes:
        if (included := getattr(route, "original_router", None)) is not None:
            yield from routes_of(included)
        elif (methods := getattr(route, "methods", None)) is None:
            yield "WS", route.path
        else:
            yield from ((method, route.path) for method in methods if method != "HEAD")


async def call(
    api: FastAPI, row: Row, values: Mapping[str, str], secret: str | None
) -> tuple[int, str]:
    """Send the row's call. Returns the status code and the content type of the answer.

    A stream of events is left as soon as it has begun. A WebSocket that is closed at once has the
    code in its close code: 4403 is a 403.
    """
    path = row.path.format_map(values)
    body = json.dumps(BODIES.get(row.path, {}))
    for name, value in values.items():
        body = body.replace("{" + name + "}", value)
    headers = [(b"host", b"127.0.0.1:8000"), (b"content-type", b"application/json")]
    if row.method in ("POST", "DELETE"):
        headers.append((b"content-length", str(len(body)).encode()))
    if secret is not None:
        headers.append((b"authorization", f"Bearer {secret}".encode()))
    scope: dict[str, Any] = {
        "type": "websocket" if row.method == "WS" else "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": row.method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "extensions": {"websocket.http.response": {}},
    }
    return await _send(api, scope, body.encode())


async def _send(api: FastAPI, scope: dict[str, Any], body: bytes) -> tuple[int, str]:
    answer: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
    unread: list[dict[str, Any]] = [
        {"type": "websocket.connect"}
        if scope["type"] == "websocket"
        else {"type": "http.request", "body": body, "more_body": False}
    ]

    async def receive() -> dict[str, Any]:
        if unread:
            return unread.pop()
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    opened: list[asyncio.TimerHandle] = []

    def open_() -> None:
        if not answer.done():
            answer.set_result((101, ""))

    async def send(message: Any) -> None:
        if message["type"] == "websocket.accept":
            opened.append(asyncio.get_running_loop().call_later(0.05, open_))
        elif message["type"] == "websocket.close" and not answer.done():
            refusal = message["code"] - 4000
            answer.set_result((refusal, "application/problem+json") if refusal > 0 else (101, ""))
        elif message["type"].endswith("response.start"):
            kinds = [value for name, value in message["headers"] if name == b"content-type"]
            answer.set_result((message["status"], b"".join(kinds).decode()))

    serving = asyncio.create_task(api(scope, receive, send))
    status, kind = await asyncio.wait_for(answer, 10)
    if status == 101 or kind.startswith("text/event-stream"):
        serving.cancel()
    await asyncio.wait([serving])
    return status, kind
