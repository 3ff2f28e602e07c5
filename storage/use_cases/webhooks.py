"""Use cases on webhooks: add those of a new execution, and queue what they get."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import and_, bindparam, insert, select, update

from storage.db import sql, statements
from storage.db.rows import lock_execution
from storage.db.tables import DELIVERY_IS_QUEUED, webhook_deliveries, webhooks
from storage.db.transaction import Transaction, new_id
from storage.ports import Cipher
from storage.records import Execution, PhaseOutput, PhaseRun
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
            "crew": each.crew,
            "context": each.context,
            "created_at": tx.now,
            **_target(each, cipher),
        }
        for each in new
    ]
    sql.execute_many(tx.connection, _ADD, rows)


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
        if sql.execute(tx.connection, _REDIRECT, {**target, "off_at": None, **of}).changed:
            sql.execute(tx.connection, _REDIRECT_QUEUED, {"host": target["host"], **of})
        else:
            add(tx, execution.id, [each], cipher)
    if new and not execution.has_webhooks:
        values = {"of_id": execution.id, "has_webhooks": True}
        sql.execute(tx.connection, statements.CHANGE_EXECUTION, values)


_CLIENTS: Final = and_(
    webhooks.c.execution_id == bindparam("of_execution"),
    webhooks.c.format == bindparam("of_format"),
    webhooks.c.purpose == bindparam("of_purpose"),
    webhooks.c.crew.is_(None),
)
_REDIRECT: Final = update(webhooks).where(_CLIENTS)
_REDIRECT_QUEUED: Final = update(webhook_deliveries).where(
    webhook_deliveries.c.webhook_id.in_(select(webhooks.c.id).where(_CLIENTS)), DELIVERY_IS_QUEUED
)


def queue_request(
    tx: Transaction, execution: Execution, checkpoint_id: str, *, escalates: bool = False
) -> None:
    """Queue AMP's request for a person's answer, or the reminder that its time is nearly up."""
    kind = "escalation" if escalates else "new_request"
    data = {"checkpoint": checkpoint_id}
    queue(tx, execution, WebhookPurpose.HUMAN_INPUT, type=kind, data=data)


def queue_tasks(tx: Transaction, execution: Execution, run: PhaseRun, output: PhaseOutput) -> None:
    """Queue AMP's report of each task of a phase that is done."""
    for number, _task in enumerate(output.tasks):
        data = {"run": run.id, "task": number}
        queue(tx, execution, WebhookPurpose.TASK, type="task", data=data)


def queue_step(tx: Transaction, execution: Execution, progress: Mapping[str, object]) -> None:
    """Queue AMP's report of a step: the task that an agent works on, and its tool."""
    tasks = progress.get("tasks")
    running = [
        {"task": each.get("task"), "agent": each.get("agent")}
        for each in (tasks if isinstance(tasks, list) else [])
        if isinstance(each, dict) and each.get("state") == "running"
    ]
    data: dict[str, object] = {**(running[0] if running else {}), "tool": progress.get("tool")}
    if running or data["tool"]:
        queue(tx, execution, WebhookPurpose.STEP, type="step", data=data)


def queue_end(tx: Transaction, execution: Execution) -> None:
    """Queue AMP's report of the end of an execution, or of its failure."""
    data = {"status": execution.state.value}
    queue(tx, execution, WebhookPurpose.CREW, type="crew", data=data)


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
