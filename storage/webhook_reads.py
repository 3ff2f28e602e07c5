"""Queries of operators on the deliveries of webhooks. Nothing here writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Engine, Select

from storage.characters import storable
from storage.db import sql, webhook_statements
from storage.db.database import reading
from storage.errors import UnknownDelivery
from storage.outbox.webhook_queue import to_delivery
from storage.ports import SharedClock
from storage.webhooks import DeliveryCounts, DeliveryState, ListedDelivery

_NEWEST: Final[Mapping[DeliveryState | None, Select[Any]]] = {
    None: webhook_statements.NEWEST_DELIVERIES,
    DeliveryState.DEAD: webhook_statements.NEWEST_DEAD,
    DeliveryState.QUEUED: webhook_statements.NEWEST_QUEUED,
    DeliveryState.DELIVERED: webhook_statements.NEWEST_DELIVERED,
}
_LAST_SEQ: Final = 2**31 - 1


class WebhookReads:
    _engine: Engine
    _clock: SharedClock

    def webhook_deliveries(
        self, *, state: DeliveryState | None = None, before: int | None = None, most: int = 50
    ) -> tuple[ListedDelivery, ...]:
        """The newest deliveries first; `before`: only those with a smaller `seq`."""
        page = {"before": min(before or _LAST_SEQ, _LAST_SEQ), "most": most}
        with reading(self._engine) as connection:
            rows = sql.execute(connection, _NEWEST[state], page).rows
        return tuple(map(_to_listed, rows))

    def webhook_delivery(self, delivery_id: str) -> ListedDelivery:
        """Raises UnknownDelivery."""
        of_id = {"of_id": storable(delivery_id)}
        with reading(self._engine) as connection:
            row = sql.execute(connection, webhook_statements.ONE_DELIVERY, of_id).first()
        if row is None:
            raise UnknownDelivery(delivery_id)
        return _to_listed(row)

    def webhook_counts(self) -> DeliveryCounts:
        """How many deliveries wait or are dead, and for how long the oldest has waited.

        Both are read from an index of these alone, however many were delivered.
        """
        with reading(self._engine) as connection:
            now = self._clock.at(connection)
            queued, oldest = sql.execute(connection, webhook_statements.COUNT_QUEUED).rows[0]
            dead = sql.execute(connection, webhook_statements.COUNT_DEAD).scalar() or 0
        return DeliveryCounts(queued, dead, None if oldest is None else now - oldest)


def _to_listed(row: Any) -> ListedDelivery:
    return ListedDelivery(to_delivery(row), row.url, row.format)
