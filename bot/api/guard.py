"""The middleware in front of every route: only programs on this machine may call the API.

There are no tokens, so listening on loopback is all that protects REST. A web page in the
operator's browser can reach loopback, too. So the middleware checks the Host header, the page's
origin, and the content type (browsers send JSON to another origin only after a preflight request).
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.api.problems import problem

_WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class LoopbackOnly:
    """Refuses requests from web pages. Slack's requests to `door_path` pass: they are signed."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str], door_path: str) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._door_path = door_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == self._door_path:
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope["method"], Headers(scope=scope))
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await problem(*refusal, {"Connection": "close"})(scope, receive, send)

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return 403, "the Host header must be one of: " + ", ".join(sorted(self._hosts))
        if any(not self._same_origin(origin, hosts[0]) for origin in origins):
            return 403, "pages of another origin may not call this API"
        content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if method in _WRITING and content_type != "application/json":
            return 415, "the content type must be application/json"
        return None

    def _same_origin(self, origin: str, host: str) -> bool:
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def loopback_hosts(host: str, port: int) -> tuple[str, ...]:
    """The Host headers that a server bound to `host` and `port` accepts."""
    names = {"127.0.0.1", "localhost", "[::1]", url_host(host)}
    bare = sorted(names) if port == 80 else []
    return (*sorted(f"{name}:{port}" for name in names), *bare)


def url_host(host: str) -> str:
    """The host as it is written in a URL: IPv6 addresses are in brackets."""
    return f"[{host.strip('[]')}]" if ":" in host else host
