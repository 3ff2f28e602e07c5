"""Which crews there are, and what each needs to start."""

from __future__ import annotations

from fastapi import APIRouter

from bot.api import crew_bodies
from bot.api.access import MayRead
from bot.api.calls import Calls
from bot.api.routes.responses import problems
from bot.api.services import Services


def router(services: Services) -> APIRouter:
    routes = APIRouter(prefix="/api/crews", tags=["crews"])
    calls = Calls(services)

    @routes.get("", responses=problems())
    def crews(_: MayRead) -> crew_bodies.CrewsBody:
        return calls.crew_list()

    @routes.get("/{name}", responses=problems(404))
    def crew(_: MayRead, name: str) -> crew_bodies.CrewBody:
        return calls.one_crew(name)

    return routes
