"""The middleware that finds out who calls, before anything else is read of a request."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from bot.api.access import LOOPBACK

OPEN_PATHS: Final = frozenset({"/health", "/ready"})
"""Paths that need no token."""


class Authentication:
    """Sets `request.state.caller`. As long as there are no tokens, everybody is LOOPBACK."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            scope.setdefault("state", {})["caller"] = LOOPBACK
        await self._app(scope, receive, send)
