"""Statements of webhooks and their deliveries, built once like those in `storage.db.statements`."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

from sqlalchemy import (
    Select,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from storage.db.api_tables import DELIVERY_IS_DEAD, DELIVERY_IS_QUEUED, webhook_deliveries, webhooks
from storage.webhooks import FAILURES_IN_ORDER, Delivery

_D: Final = webhook_deliveries.c
_EARLIER: Final = webhook_deliveries.alias("earlier")

# --- use cases ------------------------------------------------------------------------------------

ADD_WEBHOOK: Final = insert(webhooks)

WEBHOOKS_OF: Final = select(
    webhooks.c.id, webhooks.c.execution_id, webhooks.c.purpose, webhooks.c.host
).where(
    webhooks.c.execution_id.in_(bindparam("of_executions", expanding=True)),
    webhooks.c.off_at.is_(None),
)

ADD_WEBHOOK_DELIVERY: Final = insert(webhook_deliveries)

# --- the sender -----------------------------------------------------------------------------------

_OLDEST: Final = select(func.min(_D.host).label("host")).where(DELIVERY_IS_QUEUED)
_hosts = _OLDEST.cte("hosts", recursive=True)
_FOLLOWING: Final = _OLDEST.where(_D.host > _hosts.c.host).scalar_subquery()
_HOSTS: Final = _hosts.union_all(select(_FOLLOWING).where(_hosts.c.host.is_not(None)))
"""The hosts with queued deliveries, each found from the one before it."""

HOSTS: Final[Select[Any]] = select(
    _HOSTS.c.host,
    select(_D.not_before)
    .where(_D.host == _HOSTS.c.host, DELIVERY_IS_QUEUED)
    .order_by(_D.not_before)
    .limit(literal_column("1"))
    .scalar_subquery()
    .label("due_at"),
).where(_HOSTS.c.host.is_not(None))
"""These hosts, and when the next delivery to each is due."""

_DELIVERY_COLUMNS: Final = [_D[field.name] for field in fields(Delivery)]

_DELIVERIES: Final = select(
    *_DELIVERY_COLUMNS,
    webhooks.c.format,
    webhooks.c.purpose,
    webhooks.c.url,
    webhooks.c.secrets,
    webhooks.c.crew,
    webhooks.c.context,
    webhooks.c.off_at,
).join(webhooks, webhooks.c.id == _D.webhook_id)
"""Deliveries, joined to their webhooks."""

_WAITS_FOR_EARLIER: Final = exists().where(
    _EARLIER.c.webhook_id == _D.webhook_id,
    _EARLIER.c.seq < _D.seq,
    # Hidden in a function: otherwise an index of all queued deliveries might be chosen.
    func.coalesce(_EARLIER.c.state, literal_column("''")) == literal_column("'queued'"),
    or_(
        _EARLIER.c.not_before <= bindparam("now"),
        _EARLIER.c.lease_owner.is_not(None),
        _EARLIER.c.attempts <= literal_column(str(FAILURES_IN_ORDER)),
    ),
)

DELIVERIES_DUE: Final = (
    _DELIVERIES.where(
        _D.host == bindparam("of_host"),
        DELIVERY_IS_QUEUED,
        _D.not_before <= bindparam("now"),
        ~_WAITS_FOR_EARLIER,
    )
    .order_by(_D.not_before, _D.seq)
    .limit(bindparam("most"))
)
"""To one host, in the order of each webhook. One that keeps failing does not hold up the others."""

LEASE_DELIVERY: Final = update(webhook_deliveries).where(
    _D.seq == bindparam("of_seq"), DELIVERY_IS_QUEUED, _D.not_before == bindparam("of_not_before")
)
"""Unless another sender has leased it since it was found due."""

CHANGE_LEASED_DELIVERY: Final = update(webhook_deliveries).where(
    _D.seq == bindparam("of_seq"), _D.lease_owner == bindparam("of_owner")
)

RELEASE_DELIVERIES: Final = update(webhook_deliveries).where(
    DELIVERY_IS_QUEUED, _D.lease_owner.in_(bindparam("owners", expanding=True))
)

LEASE_OWNERS_OF_DELIVERIES: Final = (
    select(_D.lease_owner).where(DELIVERY_IS_QUEUED, _D.lease_owner.is_not(None)).distinct()
)

CHANGE_WEBHOOK: Final = update(webhooks).where(webhooks.c.id == bindparam("of_id"))

KILL_QUEUED: Final = update(webhook_deliveries).where(
    _D.webhook_id == bindparam("of_webhook"), DELIVERY_IS_QUEUED
)

SECRETS_OF_OTHER_KEYS: Final = (
    select(webhooks.c.id, webhooks.c.secrets)
    .where(
        webhooks.c.id > bindparam("after"),
        webhooks.c.secrets.is_not(None),
        webhooks.c.secrets.not_like(bindparam("of_mark")),
    )
    .order_by(webhooks.c.id)
    .limit(bindparam("most"))
)

REPLACE_SECRETS: Final = update(webhooks).where(
    webhooks.c.id == bindparam("of_id"), webhooks.c.secrets == bindparam("of_secrets")
)

# --- operators ------------------------------------------------------------------------------------

ONE_DELIVERY: Final = _DELIVERIES.where(_D.id == bindparam("of_id"))

DELIVERY_LOCKED: Final = ONE_DELIVERY.with_for_update(of=webhook_deliveries)

NEWEST_DELIVERIES: Final = (
    _DELIVERIES.where(_D.seq < bindparam("before")).order_by(_D.seq.desc()).limit(bindparam("most"))
)

NEWEST_DEAD: Final = NEWEST_DELIVERIES.where(DELIVERY_IS_DEAD)

NEWEST_QUEUED: Final = NEWEST_DELIVERIES.where(DELIVERY_IS_QUEUED)

NEWEST_DELIVERED: Final = NEWEST_DELIVERIES.where(and_(~DELIVERY_IS_DEAD, ~DELIVERY_IS_QUEUED))

CHANGE_DELIVERY: Final = update(webhook_deliveries).where(_D.seq == bindparam("of_seq"))

_COUNTED: Final[list[Any]] = [func.count(), func.min(_D.created_at)]
COUNT_QUEUED: Final[Select[Any]] = select(*_COUNTED).where(DELIVERY_IS_QUEUED)

COUNT_DEAD: Final[Select[Any]] = (
    select(func.count()).select_from(webhook_deliveries).where(DELIVERY_IS_DEAD)
)

_OF_CLIENT: Final = and_(
    webhooks.c.execution_id == bindparam("of_execution"),
    webhooks.c.format == bindparam("of_format"),
    webhooks.c.purpose == bindparam("of_purpose"),
    webhooks.c.crew.is_(None),
)
"""The webhooks with one purpose that the client named who started the execution."""

REDIRECT: Final = update(webhooks).where(_OF_CLIENT)

REDIRECT_QUEUED: Final = update(webhook_deliveries).where(
    webhook_deliveries.c.webhook_id.in_(select(webhooks.c.id).where(_OF_CLIENT)),
    DELIVERY_IS_QUEUED,
)
