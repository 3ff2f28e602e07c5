"""The middleware that refuses long URLs, headers and bodies.

FastAPI can limit bodies, too, but its refusal is a plain text.
"""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.api.authentication import refuse
from bot.api.problems import problem

URL_BYTES: Final = 8 * 1024
HEADER_BYTES: Final = 32 * 1024


class RequestSizes:
    def __init__(self, app: ASGIApp, *, body_limit: int) -> None:
        self._app = app
        self._body_limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_request = scope["type"] in ("http", "websocket")
        refusal = _refusal(scope, self._body_limit) if is_request else None
        if refusal is None:
            await self._app(scope, self._limited(receive), send)
        else:
            answer = problem(*refusal, {"Connection": "close"})
            await refuse(answer, scope, receive, send)

    def _limited(self, receive: Receive) -> Receive:
        """A `receive` that stops when the body gets too large. Raises HTTPException."""
        size = 0

        async def limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body") or b"") if message["type"] == "http.request" else 0
            if size > self._body_limit:
                raise HTTPException(413, _too_large(self._body_limit), {"Connection": "close"})
            return message

        return limited


def _too_large(body_limit: int) -> str:
    return f"the body is larger than {body_limit} bytes"


def _refusal(scope: Scope, body_limit: int) -> tuple[int, str] | None:
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > URL_BYTES:
        return 414, f"the URL is longer than {URL_BYTES} bytes"
    if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADER_BYTES:
        return 431, f"the headers are longer than {HEADER_BYTES} bytes"
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    if any(not value.isdigit() for value in lengths) or len(lengths) > 1:
        return 400, "Content-Length must be one number"
    if any(len(value) > 18 or int(value) > body_limit for value in lengths):
        return 413, _too_large(body_limit)
    return None
