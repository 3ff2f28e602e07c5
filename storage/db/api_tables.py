"""The tables of the API: tokens, idempotency keys, webhooks and their deliveries."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table

from storage.db.columns import Encoded, EnumText, FreeText, UtcDateTime
from storage.db.metadata import Details, Id, Names, is_state, metadata
from storage.tokens import TokenKind
from storage.webhooks import DeliveryState, WebhookFormat, WebhookPurpose

tokens = Table(
    "tokens",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", EnumText(TokenKind), nullable=False),
    Column("prefix", String(16), nullable=False, unique=True),
    Column("hash", String(64), nullable=False),
    Column("label", FreeText, nullable=False, server_default=""),
    Column("scopes", Encoded[Names](Names, cached=True), nullable=False),
    Column("person", String(64)),
    Column("parent", Id),  # the token that a ticket was made with
    Column("subject", String(64)),  # what a callback answers: a checkpoint
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("used_at", UtcDateTime),  # its last use; a link can be used once
    Column("revoked_at", UtcDateTime),
    Index(None, "kind", "created_at"),
    Index(None, "expires_at"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("caller", String(64), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("request_hash", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False, index=True),
    Column("locked_until", UtcDateTime),  # NULL: it has been answered
    Column("status", Integer),
    Column("headers", Encoded[Details](dict[str, object])),
    Column("body", FreeText),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("execution_id", Id, ForeignKey("executions.id"), nullable=False, index=True),
    Column("format", EnumText(WebhookFormat), nullable=False),
    Column("purpose", EnumText(WebhookPurpose), nullable=False),
    Column("url", FreeText, nullable=False),
    Column("host", String(300), nullable=False),  # and port: what deliveries are limited by
    Column("secrets", FreeText),  # encrypted if there are encryption keys
    Column("crew", String(100)),  # whose entry in crews.yml names it; NULL: the client that started
    Column("context", Encoded[Details](dict[str, object])),
    Column("created_at", UtcDateTime, nullable=False),
    Column("off_at", UtcDateTime),  # the receiver answered that it is gone
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False, unique=True),  # the header `webhook-id`
    Column("webhook_id", Id, ForeignKey("webhooks.id"), nullable=False),
    Column("execution_id", Id, ForeignKey("executions.id"), nullable=False, index=True),
    Column("host", String(300), nullable=False),  # of the webhook
    Column("type", String(64), nullable=False),
    Column("data", Encoded[Details](dict[str, object]), nullable=False),
    Column("body", FreeText),  # as it was first sent
    Column("state", EnumText(DeliveryState), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("created_at", UtcDateTime, nullable=False),
    Column("not_before", UtcDateTime, nullable=False),  # during an attempt: the end of its lease
    Column("give_up_at", UtcDateTime, nullable=False),
    Column("lease_owner", String(200)),  # who makes an attempt now
    Column("delivered_at", UtcDateTime),
    Column("last_status", Integer),
    Column("error", FreeText),
    Index(None, "webhook_id", "seq"),
    sqlite_autoincrement=True,
)

DELIVERY_IS_QUEUED = is_state(webhook_deliveries.c.state, DeliveryState.QUEUED)
Index(
    "ix_webhook_deliveries_queued",
    webhook_deliveries.c.host,
    webhook_deliveries.c.not_before,
    sqlite_where=DELIVERY_IS_QUEUED,
    postgresql_where=DELIVERY_IS_QUEUED,
)
Index(
    "ix_webhook_deliveries_oldest",
    webhook_deliveries.c.created_at,
    sqlite_where=DELIVERY_IS_QUEUED,
    postgresql_where=DELIVERY_IS_QUEUED,
)
DELIVERY_IS_DEAD = is_state(webhook_deliveries.c.state, DeliveryState.DEAD)
Index(
    "ix_webhook_deliveries_dead",
    webhook_deliveries.c.seq,
    sqlite_where=DELIVERY_IS_DEAD,
    postgresql_where=DELIVERY_IS_DEAD,
)
