"""What the fuzzing calls: the API on a real database, called with raw bytes."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from fastapi import FastAPI

from bot.api.problems import MEDIA_TYPE
from tests.api.conftest import Api, Service
from tests.api.fuzz.malformed import Malformed, Target

_TABLES: Final = (
    "executions",
    "phase_runs",
    "checkpoints",
    "audit",
    "outbox",
    "tokens",
    "webhooks",
    "webhook_deliveries",
    "revise_intents",
    "lessons",
)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


async def send(api: FastAPI, request: Malformed) -> Answer:
    """Call the application as uvicorn does."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote_to_bytes(request.path).decode("utf-8", errors="replace"),
        "raw_path": request.path,
        "query_string": request.query,
        "root_path": "",
        "headers": list(request.headers),
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }
    unread = [{"type": "http.request", "body": request.body, "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return unread.pop() if unread else {"type": "http.disconnect"}

    async def collect(message: Any) -> None:
        sent.append(message)

    with suppress(Exception):  # what fails is answered 500 and raised again
        await api(scope, receive, collect)
    if not sent:
        return Answer(599, {}, b"no answer")
    headers = {k.decode().lower(): v.decode("latin-1") for k, v in sent[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(sent[0]["status"], headers, body)


def complaint(request: Malformed, answer: Answer) -> str | None:
    """What is wrong with the answer; None: nothing."""
    if answer.status >= 500:
        return f"{answer.status} {answer.body[:300]!r}"
    if answer.status < 400 or request.method == "HEAD":
        return None
    kind = answer.headers.get("content-type", "")
    try:
        body = json.loads(answer.body)
    except ValueError:
        return f"no JSON: {answer.body[:200]!r}"
    if kind.startswith(MEDIA_TYPE):
        whole = set(body) == {"type", "title", "status", "detail"} and body["detail"]
        fits = whole and body["status"] == answer.status
    else:
        amp = unquote_to_bytes(request.path).startswith(b"/amp/")
        fits = amp and kind == "application/json" and set(body) == {"error", "message", "details"}
    if answer.status == 405 and "allow" not in answer.headers:
        return "405 without Allow"
    return None if fits else f"{answer.status} {kind} {body}"


class Watch:
    """Notices changes of what the API is about: everything except the keys of repetitions."""

    def __init__(self, service: Service) -> None:
        self._database = service.database
        self._connection = sqlite3.connect(service.database)
        self._version = -1
        self._sum = self._fingerprint()

    def changed(self) -> bool:
        """Whether anything has changed since the last call."""
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version:
            return False
        self._version = version
        before, self._sum = self._sum, self._fingerprint()
        return before != self._sum

    def _fingerprint(self) -> str:
        total = hashlib.sha256()
        with closing(sqlite3.connect(self._database)) as connection:
            for table in _TABLES:
                for row in connection.execute(f"SELECT * FROM {table}"):
                    total.update(repr(row).encode(errors="surrogatepass"))
        return total.hexdigest()

    def close(self) -> None:
        self._connection.close()


def targets(service: Service, api: Api) -> list[Target]:
    """The routes with real ids: an execution that waits, and one that has just begun."""
    waiting = api.execute(crew="plan")
    service.run_phase()
    checkpoint = api.checkpoint(waiting["execution_id"])
    begun = api.execute(crew="note")["execution_id"]
    execution = waiting["execution_id"]
    decision = {
        "execution_id": execution,
        "checkpoint_id": checkpoint["checkpoint_id"],
        "action": "nope",
        "feedback": "shorter",
    }
    of_execution = f"/api/executions/{execution}"
    return [
        Target("POST", "/api/crew/execute", {"message": "a campaign", "crew": "nope"}),
        Target("GET", f"/api/crew/status/{execution}"),
        Target("GET", f"/api/crew/checkpoint/{execution}"),
        Target("POST", "/api/crew/feedback", decision),
        Target("GET", "/api/executions"),
        Target("GET", of_execution),
        Target("GET", f"{of_execution}/audit"),
        Target("GET", f"{of_execution}/result"),
        Target("POST", f"/api/executions/{begun}x/cancel", {}),
        Target("POST", f"{of_execution}/retry", {}),
        Target("GET", "/api/checkpoints"),
        Target("GET", "/api/crews"),
        Target("GET", "/api/crews/plan"),
        Target("POST", "/api/session", {"token": "cst_nope"}),
        Target("GET", "/api/session"),
        Target("DELETE", "/api/session"),
        Target("POST", "/api/events/ticketx", {}),
        Target("GET", "/api/webhooks/deliveries"),
        Target("GET", "/api/webhooks/deliveries/x"),
        Target("POST", "/api/webhooks/deliveries/x/replay", {}),
        Target("GET", "/amp/plan/inputs"),
        Target("GET", f"/amp/plan/status/{execution}"),
        Target("POST", "/amp/nope/kickoff", {"inputs": {"message": "x"}}),
        Target(
            "POST",
            "/amp/plan/resume",
            {"execution_id": execution, "task_id": "nope", "is_approve": True},
        ),
        Target("POST", f"/amp/plan/stop/{execution}x", {}),
        Target("POST", "/amp/plan/human_feedback_requests/x/respond", {"feedback": "yes"}),
        Target("GET", "/"),
        Target("GET", "/health"),
        Target("GET", "/ready"),
        Target("GET", "/metrics"),
        Target("GET", "/docs"),
        Target("GET", "/redoc"),
        Target("GET", "/docs/assets/start.js"),
        Target("GET", "/openapi.json"),
    ]
