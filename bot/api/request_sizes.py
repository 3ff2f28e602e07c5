"""The middleware that refuses long URLs and headers. FastAPI limits the size of bodies."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from bot.api.authentication import refuse
from bot.api.problems import problem

URL_BYTES: Final = 8 * 1024
HEADER_BYTES: Final = 32 * 1024


class RequestSizes:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _refusal(scope) if scope["type"] in ("http", "websocket") else None
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            answer = problem(*refusal, {"Connection": "close"})
            await refuse(answer, scope, receive, send)


def _refusal(scope: Scope) -> tuple[int, str] | None:
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > URL_BYTES:
        return 414, f"the URL is longer than {URL_BYTES} bytes"
    if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADER_BYTES:
        return 431, f"the headers are longer than {HEADER_BYTES} bytes"
    return None
