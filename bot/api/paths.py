"""The path of a request as the routes see it, and which paths need no token."""

from __future__ import annotations

import re
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

DOOR: Final = "/slack/events"
"""Slack's requests: they are signed."""

UNLIMITED: Final = frozenset({"/health", "/ready", DOOR})
"""Paths that need no token and count in no rate limit."""

OPEN: Final[frozenset[str]] = frozenset({"/api/session"})
OPEN_BELOW: Final[tuple[str, ...]] = ("/assets/",)
"""Further paths that need no token, and beginnings of such paths. Their routes check what the
request holds in its place, such as a link's secret. Without a token the caller is ANONYMOUS, who
has no scope: routes with a policy answer 401."""

CALLBACK: Final = re.compile(r"/amp/[^/]+/human_feedback_requests/[^/]+/respond")
"""The answers to AMP's requests: their query has a token for the one that is answered."""

PAGE: Final = "/"
"""The board's page, which holds no data and asks people to sign in."""


class RootPath:
    """Middleware: puts the prefix that the proxy removed before the path, as ASGI has it.

    A proxy that does not remove it is fine, too.
    """

    def __init__(self, app: ASGIApp, *, root_path: str) -> None:
        self._app = app
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            path: str = scope["path"]
            scope["root_path"] = self._root_path
            if not path.startswith(f"{self._root_path}/"):
                scope["path"] = self._root_path + path
                scope["raw_path"] = self._root_path.encode() + scope.get("raw_path", b"")
        await self._app(scope, receive, send)


def route_path(scope: Scope) -> str:
    """The path without the prefix of COUNTERSIGN_ROOT_PATH, as Starlette's routing sees it."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


def is_open(scope: Scope) -> bool:
    """Whether the path needs no token."""
    path = route_path(scope)
    return (
        path in UNLIMITED
        or path in OPEN
        or path.startswith(OPEN_BELOW)
        or CALLBACK.fullmatch(path) is not None
        or (path == PAGE and accepts_html(scope))
    )


def accepts_html(scope: Scope) -> bool:
    """Whether a browser opens a page."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return False
    return any("text/html" in value.lower() for value in Headers(scope=scope).getlist("accept"))


def takes_tickets(scope: Scope) -> bool:
    """Whether it is an event stream, which browsers open without headers."""
    if scope["type"] == "websocket":
        return True
    return scope["method"] == "GET" and route_path(scope).endswith("/events")
