"""For operators: the deliveries of webhooks, and another try for those that failed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from bot.api import webhook_bodies
from bot.api.access import MayAdminister
from bot.api.routes.responses import problems
from bot.api.services import Services
from storage.webhooks import DeliveryState

_CURSOR = r"^[1-9][0-9]{0,17}$"


def router(services: Services) -> APIRouter:
    routes = APIRouter(prefix="/api/webhooks", tags=["webhooks"])

    @routes.get("/deliveries", responses=problems(400, 403))
    def deliveries(
        _: MayAdminister,
        state: DeliveryState | None = None,
        cursor: Annotated[str | None, Query(pattern=_CURSOR)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> webhook_bodies.DeliveriesBody:
        """The deliveries, the newest first: all, or those in one state."""
        before = None if cursor is None else int(cursor)
        listed = services.reads.webhook_deliveries(state=state, before=before, most=limit + 1)
        return webhook_bodies.deliveries(listed, limit)

    @routes.get("/deliveries/{delivery_id}", responses=problems(403, 404))
    def delivery(_: MayAdminister, delivery_id: str) -> webhook_bodies.DeliveryBody:
        return webhook_bodies.delivery(services.reads.webhook_delivery(delivery_id))

    @routes.post("/deliveries/{delivery_id}/replay", responses=problems(403, 404, 409))
    def replay(_: MayAdminister, delivery_id: str) -> webhook_bodies.DeliveryBody:
        """Try a dead delivery again, for another day, with the same id and body."""
        services.state.replay_webhook(delivery_id)
        return webhook_bodies.delivery(services.reads.webhook_delivery(delivery_id))

    return routes
