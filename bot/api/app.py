"""The REST API: routes over StateManager and Reads, and the route for Slack's requests."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from bot.api import bodies, refusals
from bot.api.access import Access, ScopeMissing, Unauthenticated
from bot.api.amp import routes as amp
from bot.api.authentication import unauthenticated
from bot.api.live.hub import Hub
from bot.api.middleware import add_middleware
from bot.api.paths import DOOR
from bot.api.problems import problem
from bot.api.routes import (
    board,
    checkpoints,
    crew,
    events,
    executions,
    operations,
    session,
    webhooks,
)
from bot.api.routes import crews as crews_routes
from bot.api.services import ApiConfig, Probes, Services
from bot.door import Door
from bot.persons import Persons
from storage.definitions import CrewDefinition
from storage.errors import CountersignError
from storage.idempotency_keys import IdempotencyKeys
from storage.reads import Reads
from storage.state_manager import StateManager
from storage.token_manager import TokenManager

log = logging.getLogger(__name__)


_ROUTES: Final = (
    crew,
    executions,
    checkpoints,
    crews_routes,
    events,
    session,
    board,
    operations,
    webhooks,
    amp,
)


class _Api(FastAPI):
    """Builds its OpenAPI schema on the first request for it, so that the start is faster."""

    def openapi(self) -> dict[str, Any]:
        """The schema without the 422 that FastAPI adds to every route: its shape is not ours."""
        if self.openapi_schema is not None:
            return self.openapi_schema
        schema = super().openapi()
        for path in schema["paths"].values():
            for call in path.values():
                if "HTTPValidationError" in str(call["responses"].get("422")):
                    del call["responses"]["422"]
        for unused in ("HTTPValidationError", "ValidationError"):
            schema["components"]["schemas"].pop(unused, None)
        return schema


def create_api(
    *,
    state: StateManager,
    reads: Reads,
    tokens: TokenManager,
    idempotency_keys: IdempotencyKeys,
    crews: Mapping[str, CrewDefinition],
    door: Door | None,
    config: ApiConfig,
    persons: Persons | None = None,
    probes: Probes | None = None,
    hub: Hub | None = None,
) -> FastAPI:
    """The application. `door` answers Slack's requests; None: there is no route for them.

    `persons` is what Slack says about the people for whom tokens act. `hub`
    learns of commits of this process.
    """
    access = Access(reads) if persons is None else Access(reads, persons)
    services = Services(
        state,
        reads,
        crews,
        config,
        access,
        tokens,
        idempotency_keys,
        hub or Hub(reads),
        probes or Probes(),
    )
    api = _Api(
        title="Countersign",
        version=config.version,
        description="Human sign-off for CrewAI crews.",
        docs_url=None,
        redoc_url=None,
        max_body_size=config.body_limit,
    )
    for routes in (
        crew,
        executions,
        checkpoints,
        crews_routes,
        events,
        session,
        board,
        operations,
        webhooks,
        amp,
    ):
        api.include_router(routes.router(services))
    if door is not None:
        api.include_router(_slack(door))
    add_middleware(api, services)
    api.add_exception_handler(CountersignError, _refused)
    api.add_exception_handler(ScopeMissing, _scope_missing)
    api.add_exception_handler(Unauthenticated, _unauthenticated)
    api.add_exception_handler(RequestValidationError, _bad_request)
    api.add_exception_handler(HTTPException, _http_error)
    api.add_exception_handler(OperationalError, _no_database)
    api.add_exception_handler(Exception, _unexpected)
    return api


def _slack(door: Door) -> APIRouter:
    routes = APIRouter()

    @routes.post(DOOR, include_in_schema=False)
    async def events(request: Request) -> Response:
        body = await request.body()
        answer = await run_in_threadpool(door, dict(request.headers), body)
        return Response(answer.body, status_code=answer.status, headers=dict(answer.headers))

    return routes


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, CountersignError)  # noqa: S101  # what the handler is registered for
    code = refusals.status_code(error)
    headers = {"Retry-After": "1"} if code == 503 else None
    return problem(code, refusals.detail(error), headers)


async def _scope_missing(_: Request, error: Exception) -> Response:
    return problem(403, str(error))


async def _unauthenticated(_: Request, __: Exception) -> Response:
    return unauthenticated()


async def _bad_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # as above
    return problem(400, bodies.problem(error.errors()))


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # as above
    return problem(error.status_code, error.detail, error.headers)


async def _no_database(_: Request, error: Exception) -> Response:
    log.error("api.no_database", extra={"error": str(getattr(error, "orig", error))})
    return problem(503, "the database cannot be reached: try again", {"Retry-After": "5"})


async def _unexpected(_: Request, __: Exception) -> Response:
    """The server logs the traceback; the client does not see it."""
    return problem(500, "something went wrong; the bot's log says more")
