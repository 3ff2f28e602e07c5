"""Injects planned faults before and after a call."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from practice.faults.connections import drop_connection
from practice.faults.plan import Fault


async def before_call(request: Request, fault: Fault | None) -> Response | None:
    """The response of a fault that prevents the call, or None if the call should run."""
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
            answer = await drop_connection(request)
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


async def after_call(request: Request, fault: Fault | None, answer: Response) -> Response:
    """The part of the response that the caller receives: all, half or nothing."""
    if fault is not None and fault.kind == "lost_reply":
        return await drop_connection(request)
    if fault is not None and fault.kind == "truncated":
        body = bytes(answer.body)
        return Response(body[: len(body) // 2], media_type=answer.media_type)
    return answer
