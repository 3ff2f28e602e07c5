"""Use cases on webhooks: add those of a new execution, and queue what they get."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from storage.db import sql, webhook_statements
from storage.db.transaction import Transaction, new_id
from storage.errors import NotDead, UnknownDelivery
from storage.ports import Cipher
from storage.records import Execution
from storage.webhooks import (
    GIVE_UP_AFTER,
    DeliveryState,
    NewWebhook,
    WebhookPurpose,
    host_of,
)


def add(tx: Transaction, execution_id: str, new: Sequence[NewWebhook], cipher: Cipher) -> None:
    """Add the webhooks of an execution that starts; its events are queued for them."""
    if not new:
        return
    rows = [
        {
            "id": new_id(),
            "execution_id": execution_id,
            "format": each.format,
            "purpose": each.purpose,
            "url": each.url,
            "host": host_of(each.url),
            "secrets": cipher.encrypt(json.dumps(dict(each.secrets))) if each.secrets else None,
            "crew": each.crew,
            "created_at": tx.now,
        }
        for each in new
    ]
    sql.execute_many(tx.connection, webhook_statements.ADD_WEBHOOK, rows)


def queue(
    tx: Transaction,
    execution: Execution,
    purpose: WebhookPurpose,
    *,
    type: str,
    data: Mapping[str, object],
) -> None:
    """Queue a delivery for each webhook of the execution that has this purpose.

    Events are queued for the purpose EVENTS by themselves. `data` is JSON: ids and fixed words,
    from which the body is made when it is first sent.
    """
    if execution.has_webhooks:
        tx.queue_webhooks(execution.id, purpose, type=type, data=data)


def replay(tx: Transaction, delivery_id: str) -> None:
    """Queue a dead delivery for another day, and turn its webhook on if it is off."""
    of_id = {"of_id": delivery_id}
    row = sql.execute(tx.connection, webhook_statements.DELIVERY_LOCKED, of_id).first()
    if row is None:
        raise UnknownDelivery(delivery_id)
    if row.state is not DeliveryState.DEAD:
        raise NotDead(delivery_id, row.state.value)
    queued = {
        "state": DeliveryState.QUEUED,
        "attempts": 0,
        "not_before": tx.now,
        "give_up_at": tx.now + GIVE_UP_AFTER,
        "error": None,
    }
    of_seq = {"of_seq": row.seq}
    sql.execute(tx.connection, webhook_statements.CHANGE_DELIVERY, queued | of_seq)
    turned_on = {"of_id": row.webhook_id, "off_at": None}
    sql.execute(tx.connection, webhook_statements.CHANGE_WEBHOOK, turned_on)
    tx.webhooks_changed = True
