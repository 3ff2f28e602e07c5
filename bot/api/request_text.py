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
        refusal = _refusal(scope) if scope["type"] in ("http", "websocket") else None
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await refuse(problem(*refusal), scope, receive, send)


def _refusal(scope: Scope) -> tuple[int, str] | None:
    if not _is_storable(scope["path"]):
        return 404, "nothing has a name with these characters"
    query: bytes = scope["query_string"]
    if not query.isascii() or not _is_storable(unquote(query.decode("ascii"))):
        return 400, "the query holds characters that are not allowed"
    return None


def _is_storable(text: str) -> bool:
    return storable(text) == text
