"""The middleware that refuses URLs with characters that no database stores."""

from __future__ import annotations

from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

from bot.api.authentication import refuse
from bot.api.problems import problem
from storage.characters import storable


class RequestText:
    """Lets requests pass whose path and query can be stored and compared as they are."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or _is_storable(scope):
            await self._app(scope, receive, send)
        else:
            answer = problem(400, "the URL holds characters that are not allowed")
            await refuse(answer, scope, receive, send)


def _is_storable(scope: Scope) -> bool:
    texts = (scope["path"], unquote(scope["query_string"].decode("latin-1")))
    return all(storable(text) == text for text in texts)
