"""The checkpoints that wait for the caller."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from bot.api import execution_bodies
from bot.api.access import MayRead
from bot.api.cursors import DEFAULT_LIMIT, Cursor, Limit
from bot.api.history import History
from bot.api.routes.responses import problems
from bot.api.services import Services


def router(services: Services) -> APIRouter:
    routes = APIRouter(prefix="/api/checkpoints", tags=["checkpoints"])
    history = History(services)

    @routes.get("", responses=problems(400))
    def checkpoints(
        caller: MayRead,
        waiting: Annotated[  # noqa: ARG001  # the only value
            Literal["true"], Query(description="Those that wait; there are no others yet.")
        ] = "true",
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> execution_bodies.WaitingCheckpointsBody:
        """What waits for the person for whom the token acts; without one, all that waits."""
        return history.waiting(caller, cursor=cursor, limit=limit)

    return routes
