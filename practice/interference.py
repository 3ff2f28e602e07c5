"""Carrying out planned faults around an HTTP answer."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from practice.cutting import cut
from practice.faults import Fault


async def before(request: Request, fault: Fault | None) -> Response | None:
    """The answer of a fault that keeps the call from happening; None lets it happen."""
    answer: Response | None = None
    match fault:
        case Fault(kind="ratelimited"):
            answer = rate_limited(fault.retry_after)
        case Fault(kind="http_500"):
            answer = PlainTextResponse(_phrase(fault.status), status_code=fault.status)
        case Fault(kind="no_json"):
            answer = HTMLResponse("<!doctype html><title>Sign in to this network</title>")
        case Fault(kind="error"):
            answer = JSONResponse({"ok": False, "error": fault.error})
        case Fault(kind="lost_request"):
            answer = await cut(request)
        case Fault(kind="hang"):
            await asyncio.sleep(fault.seconds)
        case _:
            pass
    return answer


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase


def rate_limited(seconds: int) -> Response:
    return JSONResponse(
        {"ok": False, "error": "ratelimited"},
        status_code=429,
        headers={"Retry-After": str(seconds)},
    )


async def after(request: Request, fault: Fault | None, answer: Response) -> Response:
    """What the caller gets to see of an answer: all, half, or nothing of it."""
    if fault is not None and fault.kind == "lost_reply":
        return await cut(request)
    if fault is not None and fault.kind == "truncated":
        body = bytes(answer.body)
        return Response(body[: len(body) // 2], media_type=answer.media_type)
    return answer
