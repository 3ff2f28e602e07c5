"""Webhooks and their deliveries: records of `webhooks` and `webhook_deliveries`. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

SECRET_PREFIX: Final = "whsec_"  # noqa: S105  # what secrets begin with
SECRET_BYTES: Final = (16, 64)
"""The lengths that a key may have. The specification advises 24 to 64."""

GIVE_UP_AFTER: Final = timedelta(days=1)
"""How long a delivery is tried before it is dead. The last attempt is at its end."""

SOON: Final = (1.0, 5.0, 15.0)
"""Seconds before the first retries; with JITTER they are over within 30 s."""

LATER: Final = (60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0)
"""Seconds before the retries after those. The last wait repeats."""

JITTER: Final = 0.2
"""Up to this part is added to each wait, so that receivers do not get all retries at once."""

FAILURES_IN_ORDER: Final = 2
"""Up to so many failures of a delivery, the later ones of its webhook wait for it."""


class WebhookFormat(StrEnum):
    STANDARD = "standard"  # Standard Webhooks
    AMP = "amp"  # as CrewAI AMP sends them


class WebhookPurpose(StrEnum):
    """Which events a webhook gets. The rest but EVENTS are AMP's."""

    EVENTS = "events"  # all events of the execution
    TASK = "task"
    STEP = "step"
    CREW = "crew"
    HUMAN_INPUT = "human_input"


PURPOSE_OF: Final[Mapping[WebhookFormat, WebhookPurpose]] = {
    WebhookFormat.STANDARD: WebhookPurpose.EVENTS,
    WebhookFormat.AMP: WebhookPurpose.HUMAN_INPUT,
}
"""What a webhook gets of which only the format is said."""


class DeliveryState(StrEnum):
    QUEUED = "queued"
    DELIVERED = "delivered"
    DEAD = "dead"  # given up after a day; it can be replayed


class BadSecret(ValueError):
    """The secret is none of Standard Webhooks. The message says why, and never what it is."""


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A webhook of an execution that is about to start.

    `secrets` are what signs or authenticates its requests: `secret` and `previous_secret` or, for
    AMP, also `strategy`, `token`, `username`, `password`. `crew` is set if crews.yml names it.
    `context` is JSON that its bodies are made with, beside the execution.
    """

    url: str
    format: WebhookFormat = WebhookFormat.STANDARD
    purpose: WebhookPurpose = WebhookPurpose.EVENTS
    secrets: Mapping[str, str] | None = field(default=None, repr=False)
    crew: str | None = None
    context: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """A stored webhook, with its secrets deciphered."""

    id: str
    execution_id: str
    format: WebhookFormat
    purpose: WebhookPurpose
    url: str
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    crew: str | None = None
    context: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one webhook. `id` is the same for every attempt, and so is `body` once made.

    `type` and `data` are what the body is made from. For events they are the event's type, and its
    data with its `status`. Once it is delivered, neither data nor body is kept. `created_at` is the
    event's time. `not_before` is the time of the next attempt, or of the end of the lease of the
    one that is under way.
    """

    seq: int
    id: str
    webhook_id: str
    execution_id: str
    host: str
    type: str
    data: Mapping[str, object]
    body: str | None
    state: DeliveryState
    attempts: int
    created_at: datetime
    not_before: datetime
    give_up_at: datetime
    lease_owner: str | None = None
    delivered_at: datetime | None = None
    last_status: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ListedDelivery:
    """A delivery as operators see it, with its webhook's URL and format."""

    delivery: Delivery
    url: str
    format: WebhookFormat


@dataclass(frozen=True, slots=True)
class DeliveryCounts:
    """How many deliveries wait, and how many were given up. `oldest` is the oldest that waits."""

    queued: int
    dead: int
    oldest: timedelta | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of sending a delivery. Without an `error` it was delivered.

    `retry_after` is how long the receiver asked to wait; `gone`: it wants nothing any more.
    """

    delivery: Delivery
    status: int | None = None
    error: str | None = None
    retry_after: timedelta = timedelta(0)
    gone: bool = False


def wait_after(failures: int, chance: float) -> timedelta:
    """How long to wait after so many failures; `chance` is from 0 to 1."""
    waits = (*SOON, *LATER)
    seconds = waits[min(failures, len(waits)) - 1]
    return timedelta(seconds=seconds * (1 + JITTER * chance))


def signing_key(secret: str) -> bytes:
    """The key in a secret of Standard Webhooks: base64 after `whsec_`. Raises BadSecret."""
    if not secret.startswith(SECRET_PREFIX):
        raise BadSecret(f"must begin with {SECRET_PREFIX}")
    text = secret.removeprefix(SECRET_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise BadSecret(f"must be base64 after {SECRET_PREFIX}") from None
    shortest, longest = SECRET_BYTES
    if not shortest <= len(key) <= longest:
        raise BadSecret(f"must hold {shortest} to {longest} bytes, in base64 after {SECRET_PREFIX}")
    return key


def host_of(url: str) -> str:
    """The host and port of a URL, by which deliveries are limited."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{(parts.hostname or '').lower()}:{port}"
