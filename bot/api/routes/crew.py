"""The four calls that drive an execution: execute, status, checkpoint, feedback."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from bot.api import bodies
from bot.api.access import MayDecide, MayExecute, MayRead
from bot.api.calls import Calls
from bot.api.live.polling import NOT_MODIFIED, IfNoneMatch, Wait, conditional
from bot.api.routes.responses import problems
from bot.api.services import Services


def router(services: Services) -> APIRouter:
    routes = APIRouter(prefix="/api/crew", tags=["crew"])
    calls = Calls(services)

    @routes.post("/execute", responses=problems(400, 403, 409, 429))
    def execute(
        caller: MayExecute,
        body: bodies.ExecuteBody,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
    ) -> bodies.StatusBody:
        return calls.execute(caller, body, idempotency_key)

    @routes.get(
        "/status/{execution_id}",
        response_model=bodies.StatusBody,
        responses={**NOT_MODIFIED, **problems(400, 404)},
    )
    async def status(
        caller: MayRead,
        request: Request,
        execution_id: str,
        wait: Wait = 0,
        if_none_match: IfNoneMatch = None,  # noqa: ARG001  # read by `conditional`
    ) -> Response:
        return await conditional(
            request,
            services.hub,
            execution_id,
            partial(calls.status, caller, execution_id),
            wait=wait,
        )

    @routes.get(
        "/checkpoint/{execution_id}",
        response_model=bodies.CheckpointBody,
        responses={204: {"description": "No checkpoint waits"}, **problems(400, 404)},
    )
    def checkpoint(caller: MayRead, execution_id: str) -> bodies.CheckpointBody | Response:
        return calls.checkpoint(caller, execution_id) or Response(status_code=204)

    @routes.post("/feedback", responses=problems(400, 403, 404, 409))
    def feedback(caller: MayDecide, body: bodies.FeedbackBody) -> bodies.FeedbackReceivedBody:
        return calls.feedback(caller, body)

    return routes
