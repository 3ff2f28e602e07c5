"""The routes for operators and their tools."""

from __future__ import annotations

from fastapi import APIRouter

from bot.api import bodies
from bot.api.routes.responses import problems
from bot.api.services import Services


def router(services: Services) -> APIRouter:
    routes = APIRouter(tags=["operations"])

    @routes.get("/")
    def root() -> dict[str, object]:
        return {
            "name": "Countersign",
            "version": services.config.version,
            "links": {"health": "/health", "openapi": "/openapi.json", "api": "/api/crew"},
        }

    @routes.get("/health", responses=problems())
    def health() -> bodies.HealthBody:
        return bodies.health(services.reads.counts())

    return routes
