"""The middleware that keeps web pages out that are not ours.

As long as no token was made, listening on loopback is all that protects the API, and a web page in
the operator's browser can reach loopback, too. So the Host header, the page's origin and the
content type are checked (browsers send JSON to another origin only after a preflight request).

A token in a header cannot be sent by a page that does not know it. A session's cookie can: what it
changes must come from a page of ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.api import paths
from bot.api.authentication import refuse
from bot.api.problems import problem
from storage.tokens import TokenKind

_WRITING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Guard:
    """Refuses requests from web pages. Slack's requests pass: they are signed.

    `hosts` are the Host headers that are accepted while no token is needed. Pages of `origins` may
    call from elsewhere, and pages of `public_url` are ours.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Iterable[str],
        origins: Iterable[str] = (),
        public_url: str | None = None,
    ) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._origins = frozenset(origins)
        parts = urlsplit(public_url or "")
        self._own = f"{parts.scheme}://{parts.netloc}".lower() if public_url else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and paths.route_path(scope) != paths.DOOR:
            refusal = self._refusal(scope)
            if refusal is not None:
                answer = problem(*refusal, {"Connection": "close"})
                await refuse(answer, scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        state = scope["state"]
        refusal = None
        if not state["closed"]:
            refusal = self._unless_loopback(headers)
        elif state["caller"].kind is TokenKind.SESSION:
            refusal = self._unless_own_page(scope, headers)
        return refusal or _unless_json(scope, headers)

    def _unless_loopback(self, headers: Headers) -> tuple[int, str] | None:
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return 403, "the Host header must be one of: " + ", ".join(sorted(self._hosts))
        for origin in origins:
            if not _same_origin(origin, hosts[0]) and origin.lower() not in self._origins:
                return 403, "pages of another origin may not call this API"
        return None

    def _unless_own_page(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        changes = scope["type"] == "websocket" or scope["method"] in _WRITING
        ours = len(hosts) == 1 and all(
            _same_origin(origin, hosts[0]) or origin.lower() == self._own for origin in origins
        )
        if not ours or (changes and len(origins) != 1):
            return 403, "only pages of this server may use its session"
        return None


def _unless_json(scope: Scope, headers: Headers) -> tuple[int, str] | None:
    if scope["type"] != "http" or scope["method"] not in _WRITING:
        return None
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    if not has_body and "content-type" not in headers:
        return None
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        return 415, "the content type must be application/json"
    return None


def _same_origin(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def loopback_hosts(host: str, port: int) -> tuple[str, ...]:
    """The Host headers that a server bound to `host` and `port` accepts."""
    names = {"127.0.0.1", "localhost", "[::1]", url_host(host)}
    bare = sorted(names) if port == 80 else []
    return (*sorted(f"{name}:{port}" for name in names), *bare)


def url_host(host: str) -> str:
    """The host as it is written in a URL: IPv6 addresses are in brackets."""
    return f"[{host.strip('[]')}]" if ":" in host else host
