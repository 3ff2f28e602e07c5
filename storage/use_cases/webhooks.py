"""Use cases on webhooks: add those of a new execution, and queue what they get."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from storage.characters import storable
from storage.db import sql, statements, webhook_statements
from storage.db.rows import lock_execution
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
            "crew": each.crew,
            "context": each.context,
            "created_at": tx.now,
            **_target(each, cipher),
        }
        for each in new
    ]
    sql.execute_many(tx.connection, webhook_statements.ADD_WEBHOOK, rows)


def _target(new: NewWebhook, cipher: Cipher) -> dict[str, object]:
    """Where a webhook's requests go, and what they prove."""
    secrets = cipher.encrypt(json.dumps(dict(new.secrets))) if new.secrets else None
    return {"url": new.url, "host": host_of(new.url), "secrets": secrets}


def replace(tx: Transaction, execution_id: str, new: Sequence[NewWebhook], cipher: Cipher) -> None:
    """Send what a client's webhooks get to these addresses from now on, by purpose.

    Deliveries that wait go there, too. Those of crews.yml stay as they are.
    """
    execution = lock_execution(tx, execution_id)
    for each in new:
        target = _target(each, cipher)
        of = {
            "of_execution": execution.id,
            "of_format": each.format,
            "of_purpose": each.purpose,
        }
        if sql.execute(
            tx.connection, webhook_statements.REDIRECT, {**target, "off_at": None, **of}
        ).changed:
            sql.execute(
                tx.connection, webhook_statements.REDIRECT_QUEUED, {"host": target["host"], **of}
            )
        else:
            add(tx, execution.id, [each], cipher)
    if new and not execution.has_webhooks:
        values = {"of_id": execution.id, "has_webhooks": True}
        sql.execute(tx.connection, statements.CHANGE_EXECUTION, values)


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
    of_id = {"of_id": storable(delivery_id)}
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
