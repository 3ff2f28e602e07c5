"""Statements of webhooks and their deliveries, built once like those in `storage.db.statements`."""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, insert, select

from storage.db.tables import webhook_deliveries, webhooks

WEBHOOKS_OF: Final = select(
    webhooks.c.id, webhooks.c.execution_id, webhooks.c.purpose, webhooks.c.host
).where(
    webhooks.c.execution_id.in_(bindparam("of_executions", expanding=True)),
    webhooks.c.off_at.is_(None),
)

ADD_WEBHOOK_DELIVERY: Final = insert(webhook_deliveries)
