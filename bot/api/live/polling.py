"""ETags, and waiting until what they stand for has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import sha256
from typing import Annotated, Any, Final, TypeAlias

from fastapi import Header, Query
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from bot.api.live.feed import until_gone
from bot.api.live.hub import Hub, Listener

LONGEST_WAIT: Final = 60

RECHECK_SECONDS: Final = 2.0
RECHECKS_A_SECOND: Final = 25
"""What a running phase uses up changes without an event. So pollers look again from time to time;
if there are many, less often."""


Wait: TypeAlias = Annotated[
    int, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for a change.")
]
IfNoneMatch: TypeAlias = Annotated[str | None, Header()]
"""For the document: `conditional` reads all of them from the request."""

NOT_MODIFIED: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "It is as `If-None-Match` says"}
}


async def conditional(
    request: Request, hub: Hub, execution_id: str, read: Callable[[], BaseModel], *, wait: int = 0
) -> Response:
    """Answer with what `read` returns and its ETag, or 304 if the client has it.

    With `wait` the 304 comes after so many seconds, unless it changes before. Meanwhile no thread
    and no connection to the database is used.
    """
    answer = await _answer(request, read)
    if answer.status_code == 200 or wait == 0:
        return answer
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait
    with hub.listening(execution_id) as listener:
        gone = asyncio.create_task(until_gone(request.receive, listener))
        try:
            while True:
                answer = await _answer(request, read)
                left = deadline - loop.time()
                if answer.status_code == 200 or left <= 0 or listener.closed or hub.closed:
                    return answer
                pause = max(RECHECK_SECONDS, hub.listeners / RECHECKS_A_SECOND)
                await _wait(listener, min(left, pause))
        finally:
            gone.cancel()


async def _answer(request: Request, read: Callable[[], BaseModel]) -> Response:
    content = (await run_in_threadpool(read)).model_dump_json().encode()
    etag = f'"{sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if _matches(request.headers.getlist("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(content, 200, headers, media_type="application/json")


async def _wait(listener: Listener, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await listener.wait()
    except TimeoutError:
        pass


def _matches(if_none_match: list[str], etag: str) -> bool:
    """Whether one of the ETags that the client has is this one, weakly compared."""
    named = [one.strip().removeprefix("W/") for line in if_none_match for one in line.split(",")]
    return etag in named or "*" in named
