"""Makes the bodies of CrewAI AMP's webhooks from what is stored, with a token for each callback.

A body with a callback is made again for each attempt: its token is stored nowhere, so no copy of
the body is kept. Each token answers the same checkpoint, and only the first answer counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from bot.amp import webhook_bodies
from storage.ports import Clock
from storage.reads import Reads
from storage.records import Checkpoint, Execution
from storage.token_manager import TokenManager
from storage.webhooks import Delivery, Webhook, WebhookPurpose

WITHOUT_DEADLINE: Final = timedelta(days=30)
AFTER_DEADLINE: Final = timedelta(days=1)
"""For so long an answer that comes too late hears that somebody was faster."""


@dataclass(frozen=True, slots=True)
class AmpBodies:
    """`public_url` is where receivers reach this server."""

    reads: Reads
    tokens: TokenManager
    clock: Clock
    public_url: str

    def __call__(self, webhook: Webhook, delivery: Delivery) -> str | None:
        """The body as JSON; None if there is nothing to say."""
        body = self._body(webhook, delivery)
        return None if body is None else json.dumps(body, ensure_ascii=False)

    def _body(self, webhook: Webhook, delivery: Delivery) -> dict[str, Any] | None:
        execution = self.reads.execution(delivery.execution_id)
        meta, data = webhook.context.get("meta") or {}, delivery.data
        match webhook.purpose:
            case WebhookPurpose.HUMAN_INPUT:
                return self._human_input(webhook, delivery, execution)
            case WebhookPurpose.TASK:
                runs = self.reads.phase_runs(execution.id)
                run = next((each for each in runs if each.id == data["run"]), None)
                number = int(str(data["task"]))
                return (
                    None if run is None else webhook_bodies.task(execution, run, number, meta=meta)
                )
            case WebhookPurpose.STEP:
                return webhook_bodies.step(execution, data, meta=meta)
            case WebhookPurpose.CREW:
                return webhook_bodies.crew(
                    execution,
                    self.reads.phase_runs(execution.id),
                    status=str(data["status"]),
                    meta=meta,
                    now=self.clock.now(),
                )
            case WebhookPurpose.EVENTS:
                return None

    def _human_input(
        self, webhook: Webhook, delivery: Delivery, execution: Execution
    ) -> dict[str, Any]:
        checkpoint = self.reads.checkpoint(str(delivery.data["checkpoint"]))
        answers = _answers(webhook)
        secret = None if answers is None else self._token(checkpoint, answers)
        return webhook_bodies.human_input(
            execution,
            checkpoint,
            event=delivery.type,
            at=delivery.created_at,
            meta=webhook.context.get("meta") or {},
            callback_url=secret and self._callback_url(execution, checkpoint, secret),
            response_token=secret,
        )

    def _token(self, checkpoint: Checkpoint, answers: Mapping[str, Any]) -> str | None:
        return self.tokens.create_callback(
            checkpoint.id,
            prefix=answers["token"],
            label=answers["name"],
            person=answers["person"],
            lifetime=_lifetime(checkpoint, self.clock.now()),
        )

    def _callback_url(self, execution: Execution, checkpoint: Checkpoint, secret: str) -> str:
        crew = quote(execution.crew, safe="")
        base = self.public_url.rstrip("/")
        return f"{base}/amp/{crew}/human_feedback_requests/{checkpoint.id}/respond?token={secret}"


def _answers(webhook: Webhook) -> Mapping[str, Any] | None:
    """For whom the callback answers; None: whoever started the execution may decide nothing."""
    if webhook.crew is not None:
        return {"name": f"webhook of crew {webhook.crew}", "person": None, "token": None}
    answers = webhook.context.get("answers")
    return answers if isinstance(answers, Mapping) else None


def _lifetime(checkpoint: Checkpoint, now: datetime) -> timedelta:
    if checkpoint.deadline is None:
        return WITHOUT_DEADLINE
    return max(checkpoint.deadline - now, timedelta(0)) + AFTER_DEADLINE
