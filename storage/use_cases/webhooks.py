"""Use cases on webhooks: add those of a new execution, and queue what they get."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import insert

from storage.db import sql
from storage.db.tables import webhooks
from storage.db.transaction import Transaction, new_id
from storage.ports import Cipher
from storage.records import Execution
from storage.webhooks import NewWebhook, WebhookPurpose, host_of

_ADD: Final = insert(webhooks)


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
    sql.execute_many(tx.connection, _ADD, rows)


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
