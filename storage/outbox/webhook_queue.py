"""The sender's view of the deliveries of webhooks. Each method is one transaction."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Engine

from storage.db import sql, webhook_statements
from storage.db.database import reading, writing
from storage.ports import NO_CIPHER, Cipher, SharedClock, Undecipherable
from storage.webhooks import (
    Attempt,
    Delivery,
    DeliveryState,
    NewWebhook,
    Webhook,
    WebhookFormat,
    wait_after,
)

log = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=30)
"""How long an attempt may take, with everything around it, before another sender repeats it."""

MakeBody: TypeAlias = Callable[[Webhook, Delivery], str | None]
"""Returns the JSON text to send, or None if there is nothing to send. It may read the database."""

KEPT_BODIES: Final = frozenset({WebhookFormat.STANDARD})
"""Formats whose bodies are made once, so that every attempt sends the same bytes. Others hold
secrets, and are made again."""

Room: TypeAlias = Callable[[str], int]
"""How many more requests may go to a host now."""

_A_PAGE: Final = 100
_DELIVERY_FIELDS: Final = [field.name for field in fields(Delivery)]
_OFF: Final = "the receiver answered 410: the webhook is off"


@dataclass(frozen=True, slots=True)
class Due:
    """A leased delivery, with its body and the secrets that sign it now."""

    delivery: Delivery
    webhook: Webhook
    body: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What was leased, and whether any delivery waits, now or later."""

    due: tuple[Due, ...]
    waiting: bool


class WebhookQueue:
    """Leases deliveries to a sender and stores what came of them.

    `crews` are the webhooks in crews.yml: a crew's webhook signs with the secrets that it has there
    now, so that a secret can be replaced while executions wait.
    """

    def __init__(
        self,
        engine: Engine,
        clock: SharedClock,
        *,
        cipher: Cipher = NO_CIPHER,
        crews: Mapping[str, Sequence[NewWebhook]] | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._cipher = cipher
        self._crews = crews or {}

    def take(self, make_body: MakeBody, *, owner: str, most: int, room: Room) -> Batch:
        """Lease due deliveries to `owner`, the oldest of each host first."""
        with reading(self._engine) as connection:
            now = self._clock.at(connection)
            hosts = sql.execute(connection, webhook_statements.HOSTS).rows
            rows = self._find_due(connection, hosts, now=now, most=most, room=room)
        prepared = [self._prepare(row, make_body) for row in rows]
        if prepared:
            with writing(self._engine) as connection:
                now = self._clock.at(connection)
                prepared = [
                    each for each in prepared if self._lease(connection, each, owner=owner, now=now)
                ]
        due = tuple(
            Due(each.delivery, each.webhook, each.body)
            for each in prepared
            if each.webhook is not None and each.body is not None
        )
        return Batch(due, waiting=bool(hosts))

    def _find_due(
        self,
        connection: Connection,
        hosts: Sequence[Any],
        *,
        now: datetime,
        most: int,
        room: Room,
    ) -> list[Any]:
        rows: list[Any] = []
        for host in sorted(hosts, key=lambda each: each.due_at):
            if host.due_at > now or len(rows) >= most:
                break
            free = min(room(host.host), most - len(rows))
            if free > 0:
                due = {"now": now, "of_host": host.host, "most": free}
                rows += sql.execute(connection, webhook_statements.DELIVERIES_DUE, due).rows
        return rows

    def _prepare(self, row: Any, make_body: MakeBody) -> _Prepared:
        """Make the body and decipher the secrets. What fails is tried again later."""
        delivery = to_delivery(row)
        if row.off_at is not None:
            return _Prepared(delivery, error=_OFF, dead=True)
        try:
            webhook = self._webhook(row)
            body = delivery.body if delivery.body is not None else make_body(webhook, delivery)
        except Undecipherable as error:
            return _Prepared(delivery, error=f"its secret cannot be read: {error}")
        except Exception as error:  # one body that cannot be made must not stop the others
            log.exception("webhooks.no_body", extra={"delivery": delivery.id})
            return _Prepared(delivery, error=f"its body cannot be made: {type(error).__name__}")
        return _Prepared(delivery, webhook, body)

    def _webhook(self, row: Any) -> Webhook:
        return Webhook(
            id=row.webhook_id,
            execution_id=row.execution_id,
            format=row.format,
            purpose=row.purpose,
            url=row.url,
            crew=row.crew,
            context=row.context or {},
            secrets=self._present_secrets(row) or self._stored_secrets(row),
        )

    def _present_secrets(self, row: Any) -> Mapping[str, str] | None:
        """Those that crews.yml has now for a crew's webhook."""
        for each in self._crews.get(row.crew or "", ()):
            if (each.url, each.format) == (row.url, row.format):
                return each.secrets
        return None

    def _stored_secrets(self, row: Any) -> Mapping[str, str]:
        if row.secrets is None:
            return {}
        secrets: dict[str, str] = json.loads(self._cipher.decrypt(row.secrets))
        return secrets

    def _lease(
        self, connection: Connection, prepared: _Prepared, *, owner: str, now: datetime
    ) -> bool:
        """False if it is not to be sent: another sender has it, or there is nothing to send."""
        delivery = prepared.delivery
        guard = {"of_seq": delivery.seq, "of_not_before": delivery.not_before}
        if prepared.error is not None:
            attempt = Attempt(delivery, error=prepared.error, gone=prepared.dead)
            values = _failed(attempt, now)
        elif prepared.body is None:
            values = _delivered(Attempt(delivery), now)
        else:
            values = {"lease_owner": owner, "not_before": now + LEASE}
            if prepared.webhook is not None and prepared.webhook.format in KEPT_BODIES:
                values["body"] = prepared.body
        changed = sql.execute(connection, webhook_statements.LEASE_DELIVERY, values | guard).changed
        return changed > 0 and values.get("lease_owner") is not None

    def settle(self, attempts: Sequence[Attempt], *, owner: str) -> tuple[str, ...]:
        """Store what came of these attempts, unless another sender has the delivery by now.

        Returns the ids of those that are dead now.
        """
        dead: list[str] = []
        with writing(self._engine) as connection:
            now = self._clock.at(connection)
            for attempt in attempts:
                leased = {"of_seq": attempt.delivery.seq, "of_owner": owner}
                values = (
                    _delivered(attempt, now) if attempt.error is None else _failed(attempt, now)
                )
                sql.execute(connection, webhook_statements.CHANGE_LEASED_DELIVERY, values | leased)
                if attempt.gone:
                    _turn_off(connection, attempt.delivery.webhook_id, now)
                if values.get("state") is DeliveryState.DEAD:
                    dead.append(attempt.delivery.id)
        return tuple(dead)

    def encrypt_again(self) -> int:
        """Encrypt with the newest key what was stored with older ones, or with none.

        Returns how many. What no key reads stays as it is.
        """
        if not self._cipher.mark:
            return 0
        page: dict[str, Any] = {"after": "", "of_mark": f"{self._cipher.mark}%", "most": _A_PAGE}
        changed = 0
        while True:
            with reading(self._engine) as connection:
                rows = sql.execute(connection, webhook_statements.SECRETS_OF_OTHER_KEYS, page).rows
            if not rows:
                return changed
            changed += self._replace([(row.id, row.secrets) for row in rows])
            page["after"] = rows[-1].id

    def _replace(self, stored: Sequence[tuple[str, str]]) -> int:
        replaced = []
        for webhook_id, secrets in stored:
            with suppress(Undecipherable):
                new = self._cipher.encrypt(self._cipher.decrypt(secrets))
                replaced.append({"of_id": webhook_id, "of_secrets": secrets, "secrets": new})
        if replaced:
            with writing(self._engine) as connection:
                sql.execute_many(connection, webhook_statements.REPLACE_SECRETS, replaced)
        return len(replaced)

    def lease_owners(self) -> tuple[str, ...]:
        with reading(self._engine) as connection:
            owners = sql.execute(connection, webhook_statements.LEASE_OWNERS_OF_DELIVERIES)
            return tuple(owners.scalars())

    def release(self, owners: Sequence[str]) -> int:
        """Make what these owners have leased due at once. Returns how many."""
        with writing(self._engine) as connection:
            now = self._clock.at(connection)
            values = {"lease_owner": None, "not_before": now, "owners": list(owners)}
            return sql.execute(connection, webhook_statements.RELEASE_DELIVERIES, values).changed


@dataclass(frozen=True, slots=True)
class _Prepared:
    delivery: Delivery
    webhook: Webhook | None = None
    body: str | None = None
    error: str | None = None
    dead: bool = False


def to_delivery(row: Any) -> Delivery:
    return Delivery(**{name: getattr(row, name) for name in _DELIVERY_FIELDS})


def _delivered(attempt: Attempt, now: datetime) -> dict[str, Any]:
    return {
        "state": DeliveryState.DELIVERED,
        "attempts": attempt.delivery.attempts + 1,
        "lease_owner": None,
        "delivered_at": now,
        "data": {},  # nobody needs this any more
        "body": None,
        "last_status": attempt.status,
        "error": None,
    }


def _failed(attempt: Attempt, now: datetime) -> dict[str, Any]:
    delivery = attempt.delivery
    failures = delivery.attempts + 1
    values: dict[str, Any] = {
        "attempts": failures,
        "lease_owner": None,
        "last_status": attempt.status,
        "error": attempt.error,
    }
    if attempt.gone or now >= delivery.give_up_at:
        return values | {"state": DeliveryState.DEAD}
    wait = max(wait_after(failures, random.random()), attempt.retry_after)  # noqa: S311  # no secret
    return values | {"not_before": min(now + wait, delivery.give_up_at)}


def _turn_off(connection: Connection, webhook_id: str, now: datetime) -> None:
    """The receiver is gone: nothing more is queued for it, and what is queued is dead."""
    sql.execute(connection, webhook_statements.CHANGE_WEBHOOK, {"of_id": webhook_id, "off_at": now})
    dead = {
        "of_webhook": webhook_id,
        "state": DeliveryState.DEAD,
        "error": _OFF,
        "lease_owner": None,
    }
    sql.execute(connection, webhook_statements.KILL_QUEUED, dead)
