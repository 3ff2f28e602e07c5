"""Errors as RFC 9457 describes them (`application/problem+json`) and, below /amp, as AMP's are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from pydantic import BaseModel
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from bot.api.paths import route_path

MEDIA_TYPE: Final = "application/problem+json"

AMP_PATH: Final = "/amp/"


class ProblemBody(BaseModel):
    """`detail` says what is wrong with this request. `type` is `about:blank`: see `status`."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


def problem_body(status: int, detail: str) -> ProblemBody:
    return ProblemBody(title=HTTPStatus(status).phrase, status=status, detail=detail)


class AmpErrorBody(BaseModel):
    """An error as CrewAI AMP reports it: `error` names its kind, `message` says what is wrong."""

    error: str
    message: str
    details: dict[str, object] = {}


class _Problem(Response):
    """A problem that takes the shape of the API that was called."""

    media_type = MEDIA_TYPE

    def __init__(self, body: ProblemBody, headers: Mapping[str, str] | None) -> None:
        content = json.dumps(body.model_dump(), ensure_ascii=False)
        super().__init__(content, body.status, headers)
        self._amp = amp_error(body.status, body.detail, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_amp(scope):
            await self._amp(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """The error for a client of any of the APIs: the path of its request picks the shape."""
    return _Problem(problem_body(status, detail), headers)


def amp_error(
    status: int,
    message: str,
    *,
    error: str | None = None,
    details: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    body = AmpErrorBody(
        error=error or _AMP_ERRORS.get(status) or HTTPStatus(status).phrase,
        message=message,
        details=dict(details or {}),
    )
    return JSONResponse(body.model_dump(), status, headers)


def is_amp(scope: Scope) -> bool:
    return "path" in scope and route_path(scope).startswith(AMP_PATH)


_AMP_ERRORS: Final = {422: "Validation Error"}
