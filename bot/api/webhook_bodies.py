"""The bodies of webhooks and their deliveries. Secrets come in and never go out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bot.webhooks.addresses import AllowedAddresses
from bot.webhooks.targets import MAX_LENGTH, BadTarget, check_target, parse_target, without_query
from storage.webhooks import (
    PURPOSE_OF,
    BadSecret,
    DeliveryState,
    ListedDelivery,
    NewWebhook,
    WebhookFormat,
    signing_key,
)

MOST_WEBHOOKS = 10

_SECRET_EXAMPLE = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  # the specification's


def _storable_url(url: str) -> str:
    parse_target(url)
    return url


Url = Annotated[str, Field(max_length=MAX_LENGTH), AfterValidator(_storable_url)]
Secret = Annotated[str, Field(min_length=1, max_length=1000)]


class WebhookBody(BaseModel):
    """Where events of the execution are sent, after Standard Webhooks.

    `secret` is base64 after `whsec_`; `previous_secret` signs, too, while a receiver changes from
    one to the other. With the format `amp` a secret is any text.
    """

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "example": {"url": "https://example.com/countersign", "secret": _SECRET_EXAMPLE}
        },
    )

    url: Url
    secret: Secret = Field(repr=False)
    previous_secret: Secret | None = Field(None, repr=False)
    format: WebhookFormat = WebhookFormat.STANDARD

    @model_validator(mode="after")
    def _secrets_fit(self) -> WebhookBody:
        for name, secret in self._secrets().items():
            if not secret.isprintable():
                raise ValueError(f"{name} holds characters that are not allowed")
            if self.format is WebhookFormat.STANDARD:
                try:
                    signing_key(secret)
                except BadSecret as error:
                    raise ValueError(f"{name} {error}") from None
        return self

    def _secrets(self) -> dict[str, str]:
        given = {"secret": self.secret, "previous_secret": self.previous_secret}
        return {name: secret for name, secret in given.items() if secret is not None}

    def new_webhook(self, context: Mapping[str, object]) -> NewWebhook:
        purpose = PURPOSE_OF[self.format]
        return NewWebhook(self.url, self.format, purpose, self._secrets(), context=context)


def new_webhooks(
    bodies: Sequence[WebhookBody], allowed: AllowedAddresses, context: Mapping[str, object]
) -> tuple[NewWebhook, ...]:
    """The webhooks. `context` says for whom they may answer. Raises BadTarget if one may not be
    called."""
    for body in bodies:
        try:
            check_target(body.url, allowed)
        except BadTarget as error:
            raise BadTarget(f"webhook.url: {error}") from None
    return tuple(body.new_webhook(context) for body in bodies)


class DeliveryBody(BaseModel):
    """One event for one webhook. `id` is what the receiver got as `webhook-id`.

    `url` is shown without its query. `next_attempt_at` is set while it is queued.
    """

    id: str
    execution_id: str
    type: str
    url: str
    format: WebhookFormat
    state: DeliveryState
    attempts: int
    created_at: str
    next_attempt_at: str | None
    delivered_at: str | None
    last_status: int | None
    error: str | None


class DeliveriesBody(BaseModel):
    """The newest first. `next` is the `cursor` of the page after this one."""

    items: list[DeliveryBody]
    next: str | None


def delivery(listed: ListedDelivery) -> DeliveryBody:
    of = listed.delivery
    queued = of.state is DeliveryState.QUEUED
    return DeliveryBody(
        id=of.id,
        execution_id=of.execution_id,
        type=of.type,
        url=without_query(listed.url),
        format=listed.format,
        state=of.state,
        attempts=of.attempts,
        created_at=of.created_at.isoformat(),
        next_attempt_at=of.not_before.isoformat() if queued else None,
        delivered_at=of.delivered_at.isoformat() if of.delivered_at else None,
        last_status=of.last_status,
        error=of.error,
    )


def deliveries(listed: Sequence[ListedDelivery], most: int) -> DeliveriesBody:
    """A page of at most `most`, made from one more if there is one."""
    page = listed[:most]
    return DeliveriesBody(
        items=[delivery(each) for each in page],
        next=str(page[-1].delivery.seq) if len(listed) > most else None,
    )
