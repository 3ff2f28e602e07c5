"""What stands before every route: who may speak to an open loopback.

Without tokens the only thing that protects REST is that it listens on loopback. A web page in
the operator's browser can reach loopback too, so the names it was called by (Host), the page
that calls (Origin) and the content type (JSON cannot be sent across origins unasked) are checked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

_WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class LoopbackOnly:
    """Lets only clients on this machine speak to the API; Slack's door has its own signature."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str], door_path: str) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._door_path = door_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == self._door_path:
            await self._app(scope, receive, send)
            return
        refused = self._refusal(scope["method"], Headers(scope=scope))
        if refused is None:
            await self._app(scope, receive, send)
        else:
            await refuse(send, *refused)

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return 403, "the Host header must be one of: " + ", ".join(sorted(self._hosts))
        if any(not self._same(origin, hosts[0]) for origin in origins):
            return 403, "pages of another origin may not call this API"
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if method in _WRITING and kind != "application/json":
            return 415, "the content type must be application/json"
        return None

    def _same(self, origin: str, host: str) -> bool:
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def loopback_hosts(host: str, port: int) -> tuple[str, ...]:
    """The Host headers under which a server bound to `host` and `port` may be called."""
    names = {"127.0.0.1", "localhost", "[::1]", in_a_url(host)}
    bare = sorted(names) if port == 80 else []
    return (*sorted(f"{name}:{port}" for name in names), *bare)


def in_a_url(host: str) -> str:
    """IPv6 addresses stand in brackets there."""
    return f"[{host.strip('[]')}]" if ":" in host else host


async def refuse(send: Send, status: int, words: str) -> None:
    body = json.dumps({"detail": words}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
