"""Webhooks and their deliveries: records of `webhooks` and `webhook_deliveries`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


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


class DeliveryState(StrEnum):
    QUEUED = "queued"
    DELIVERED = "delivered"
    DEAD = "dead"  # given up after a day; it can be replayed


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A webhook of an execution that is about to start.

    `secrets` are what signs or authenticates its requests: `secret` or, for AMP, `strategy`,
    `token`, `username`, `password`.
    """

    url: str
    format: WebhookFormat = WebhookFormat.STANDARD
    purpose: WebhookPurpose = WebhookPurpose.EVENTS
    secrets: Mapping[str, str] | None = None
