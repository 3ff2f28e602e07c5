"""The REST API: routes over StateManager and Reads, and the route for Slack's requests."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from bot.api import bodies, crew_bodies, refusals
from bot.api.calls import ApiConfig, Calls
from bot.api.guard import LoopbackOnly
from bot.door import Door
from storage.definitions import CrewDefinition
from storage.errors import CountersignError
from storage.reads import Reads
from storage.state_manager import StateManager

log = logging.getLogger(__name__)

DOOR_PATH: Final = "/slack/events"


class _Api(FastAPI):
    """Builds its OpenAPI schema on the first request for it, so that the start is faster."""

    def openapi(self) -> dict[str, Any]:
        """The schema without 422, which FastAPI adds to every route; here bad input is a 400."""
        if self.openapi_schema is not None:
            return self.openapi_schema
        schema = super().openapi()
        for path in schema["paths"].values():
            for call in path.values():
                call["responses"].pop("422", None)
        for unused in ("HTTPValidationError", "ValidationError"):
            schema["components"]["schemas"].pop(unused, None)
        return schema


def create_api(
    *,
    state: StateManager,
    reads: Reads,
    crews: Mapping[str, CrewDefinition],
    door: Door | None,
    config: ApiConfig,
) -> FastAPI:
    """The application. `door` answers Slack's requests; None: there is no route for them."""
    api = _Api(
        title="Countersign",
        version=config.version,
        description="Human sign-off for CrewAI crews.",
        docs_url=None,
        redoc_url=None,
        max_body_size=config.body_limit,
    )
    api.include_router(_routes(Calls(state, reads, crews, config), config))
    if door is not None:
        api.include_router(_slack(door))
    api.add_middleware(LoopbackOnly, hosts=config.hosts, door_path=DOOR_PATH)
    api.add_exception_handler(CountersignError, _refused)
    api.add_exception_handler(RequestValidationError, _bad_request)
    api.add_exception_handler(HTTPException, _http_error)
    api.add_exception_handler(OperationalError, _no_database)
    api.add_exception_handler(Exception, _unexpected)
    return api


def _errors(*codes: int) -> dict[int | str, dict[str, Any]]:
    return {code: {"model": bodies.ErrorBody} for code in (*codes, 503)}


def _routes(calls: Calls, config: ApiConfig) -> APIRouter:
    routes = APIRouter()

    @routes.get("/")
    def root() -> dict[str, object]:
        return {
            "name": "Countersign",
            "version": config.version,
            "links": {"health": "/health", "openapi": "/openapi.json", "api": "/api/crew"},
        }

    @routes.get("/health", responses=_errors())
    def health() -> bodies.HealthBody:
        return bodies.health(calls.reads.counts())

    @routes.post("/api/crew/execute", responses=_errors(400, 403, 409, 429))
    def execute(
        body: bodies.ExecuteBody,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
    ) -> bodies.StatusBody:
        return calls.execute(body, idempotency_key)

    @routes.get("/api/crew/status/{execution_id}", responses=_errors(404))
    def status(execution_id: str) -> bodies.StatusBody:
        return calls.status(execution_id)

    @routes.get(
        "/api/crew/checkpoint/{execution_id}",
        response_model=bodies.CheckpointBody,
        responses={204: {"description": "No checkpoint waits"}, **_errors(400, 404)},
    )
    def checkpoint(execution_id: str) -> bodies.CheckpointBody | Response:
        return calls.checkpoint(execution_id) or Response(status_code=204)

    @routes.post("/api/crew/feedback", responses=_errors(400, 403, 404, 409))
    def feedback(body: bodies.FeedbackBody) -> bodies.FeedbackReceivedBody:
        return calls.feedback(body)

    @routes.get("/api/crews", responses=_errors())
    def crews() -> crew_bodies.CrewsBody:
        return calls.crew_list()

    @routes.get("/api/crews/{name}", responses=_errors(404))
    def crew(name: str) -> crew_bodies.CrewBody:
        return calls.one_crew(name)

    return routes


def _slack(door: Door) -> APIRouter:
    routes = APIRouter()

    @routes.post(DOOR_PATH, include_in_schema=False)
    async def events(request: Request) -> Response:
        body = await request.body()
        answer = await run_in_threadpool(door, dict(request.headers), body)
        return Response(answer.body, status_code=answer.status, headers=dict(answer.headers))

    return routes


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, CountersignError)  # noqa: S101  # what the handler is registered for
    code = refusals.status_code(error)
    headers = {"Retry-After": "1"} if code == 503 else None
    return JSONResponse({"detail": refusals.detail(error)}, status_code=code, headers=headers)


async def _bad_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # as above
    return JSONResponse({"detail": bodies.problem(error.errors())}, status_code=400)


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # as above
    return JSONResponse(
        {"detail": error.detail}, status_code=error.status_code, headers=error.headers
    )


async def _no_database(_: Request, error: Exception) -> Response:
    log.error("api.no_database", extra={"error": str(getattr(error, "orig", error))})
    content = {"detail": "the database cannot be reached: try again"}
    return JSONResponse(content, status_code=503, headers={"Retry-After": "5"})


async def _unexpected(_: Request, __: Exception) -> Response:
    """The server logs the traceback; the client does not see it."""
    return JSONResponse({"detail": "something went wrong; the bot's log says more"}, 500)
