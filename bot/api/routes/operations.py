"""The routes for operators and their tools."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import PlainTextResponse

from bot.api import bodies
from bot.api.access import MayAdminister
from bot.api.routes.responses import problems
from bot.api.services import Services
from bot.metrics.exposition import METRICS_TYPE


def router(services: Services) -> APIRouter:
    routes = APIRouter(tags=["operations"])

    @routes.get("/health", responses=problems())
    def health() -> bodies.HealthBody:
        return bodies.health(services.reads.counts())

    @routes.get("/ready", responses=problems(503))
    def ready() -> bodies.ReadyBody:
        """Whether requests can be served now: the database answers, and Slack's door is open."""
        if not services.probes.ready():
            raise HTTPException(503, "not ready: starting, stopping, or without its database")
        return bodies.ReadyBody()

    @routes.get("/metrics", response_class=PlainTextResponse)
    def metrics(_: MayAdminister) -> Response:
        """Metrics for Prometheus. They are also on COUNTERSIGN_HEALTH_PORT, without a token."""
        return Response(services.probes.metrics(), media_type=METRICS_TYPE)

    return routes
