"""The bodies of webhooks after Standard Webhooks, and the port for other formats.

A body is made once, when a delivery is first sent, and stored: every attempt sends the same bytes.
So it is made from the delivery itself and from records that do not change meaning later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeAlias

from storage.outbox.webhook_queue import MakeBody
from storage.webhooks import Delivery, Webhook, WebhookFormat

Bodies: TypeAlias = Mapping[WebhookFormat, MakeBody]
"""What makes the bodies of each format. One that returns None has nothing to send."""


def standard(webhook: Webhook, delivery: Delivery) -> str:
    """`{"type", "timestamp", "data"}`; `data` has `execution_id`, `status` and the event's own."""
    return json.dumps(
        {
            "type": delivery.type,
            "timestamp": timestamp(delivery.created_at),
            "data": {"execution_id": webhook.execution_id, **delivery.data},
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def timestamp(at: datetime) -> str:
    """The time as in `2026-01-31T12:00:00.123456Z`."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
