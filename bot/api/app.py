"""The REST API: routes over StateManager and Reads, and the route for Slack's requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from bot.api.access import Access
from bot.api.amp import routes as amp
from bot.api.errors import add_exception_handlers
from bot.api.live.hub import Hub
from bot.api.middleware import add_middleware
from bot.api.openapi.names import operation_id
from bot.api.paths import DOOR
from bot.api.routes import (
    board,
    checkpoints,
    crew,
    docs,
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
from storage.idempotency_keys import IdempotencyKeys
from storage.reads import Reads
from storage.state_manager import StateManager
from storage.token_manager import TokenManager

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
    docs,
)


class _Api(FastAPI):
    """Builds its OpenAPI document on the first request for it, so that the start is faster."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            from bot.api.openapi import document

            self.openapi_schema = document.complete(super().openapi())
        return self.openapi_schema


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
        docs_url=None,
        redoc_url=None,
        servers=[{"url": config.root_path or "/"}],
        root_path_in_servers=False,
        generate_unique_id_function=operation_id,
        max_body_size=config.body_limit,
    )
    for routes in _ROUTES:
        api.include_router(routes.router(services))
    if door is not None:
        api.include_router(_slack(door))
    add_middleware(api, services)
    add_exception_handlers(api)
    return api


def _slack(door: Door) -> APIRouter:
    routes = APIRouter()

    @routes.post(DOOR, include_in_schema=False)
    async def events(request: Request) -> Response:
        body = await request.body()
        answer = await run_in_threadpool(door, dict(request.headers), body)
        return Response(answer.body, status_code=answer.status, headers=dict(answer.headers))

    return routes
