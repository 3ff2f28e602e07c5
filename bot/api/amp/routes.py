"""CrewAI AMP's API for each crew: a client's base URL is `…/amp/CREW` instead of AMP's address."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query
from fastapi.responses import PlainTextResponse

from bot.api.access import MayDecide, MayExecute, MayRead
from bot.api.amp import bodies
from bot.api.amp.calls import Calls
from bot.api.amp.errors import AmpRoute
from bot.api.problems import AmpErrorBody
from bot.api.services import Services

_OF_BODIES: Final = (409, 413, 415)


def router(services: Services) -> APIRouter:
    routes = APIRouter(prefix="/amp/{crew}", tags=["amp"], route_class=AmpRoute)
    calls = Calls(services)

    @routes.get("", responses=_errors(), response_class=PlainTextResponse)
    def healthy(_: MayRead, crew: str) -> str:
        calls.inputs(crew)
        return "Healthy"

    @routes.get("/inputs", responses=_errors())
    def inputs(_: MayRead, crew: str) -> bodies.InputsBody:
        return calls.inputs(crew)

    @routes.post("/kickoff", responses=_errors(*_OF_BODIES))
    def kickoff(
        caller: MayExecute,
        crew: str,
        body: bodies.KickoffBody,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
    ) -> bodies.KickedOffBody:
        return calls.kickoff(caller, crew, body, idempotency_key)

    @routes.get("/status/{kickoff_id}", responses=_errors())
    def status(caller: MayRead, crew: str, kickoff_id: str) -> bodies.StatusBody:
        return calls.status(caller, crew, kickoff_id)

    @routes.post("/resume", responses=_errors(*_OF_BODIES))
    def resume(caller: MayDecide, crew: str, body: bodies.ResumeBody) -> bodies.ResumedBody:
        return calls.resume(caller, crew, body)

    @routes.post("/stop/{kickoff_id}", responses=_errors(400, *_OF_BODIES))
    def stop(caller: MayExecute, crew: str, kickoff_id: str) -> bodies.StoppedBody:
        return calls.stop(caller, crew, kickoff_id)

    @routes.post(
        "/human_feedback_requests/{request_id}/respond",
        responses=_errors(*_OF_BODIES),
        openapi_extra={"security": []},
    )
    def respond(
        crew: str,
        request_id: str,
        body: bodies.RespondBody,
        token: Annotated[str, Query(max_length=200)] = "",
    ) -> bodies.RespondedBody:
        return calls.respond(crew, request_id, token, body)

    return routes


def _errors(*codes: int) -> dict[int | str, dict[str, Any]]:
    """What a call may answer in AMP's shape: what its middlewares refuse, and these."""
    return {code: {"model": AmpErrorBody} for code in (401, 403, 404, 422, 429, *codes, 503)}
