"""Errors as RFC 9457 describes them: `application/problem+json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from pydantic import BaseModel
from starlette.responses import Response

MEDIA_TYPE: Final = "application/problem+json"


class ProblemBody(BaseModel):
    """`detail` says what is wrong with this request. `type` is `about:blank`: see `status`."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


def problem_body(status: int, detail: str) -> ProblemBody:
    return ProblemBody(title=HTTPStatus(status).phrase, status=status, detail=detail)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    content = json.dumps(problem_body(status, detail).model_dump(), ensure_ascii=False)
    return Response(content, status, headers, media_type=MEDIA_TYPE)
