"""Response URLs of clicks on cards. A decided card is replaced by one: no rate limit counts it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Any, Final

from slack_bolt import BoltResponse

from bot.slack.ids import CHECKPOINT_ACTION
from storage.messages import OutboxKind, OutboxRow

VALID_SECONDS: Final = 25 * 60
"""Slack allows half an hour, by its own clock."""

MAX_KEPT: Final = 200


@dataclass(frozen=True, slots=True)
class _Click:
    ts: str
    response_url: str
    valid_until: float


class Clicks:
    """The newest click on each card. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._clicks: dict[str, _Click] = {}

    def middleware(self, body: Mapping[str, Any], next: Callable[[], BoltResponse]) -> BoltResponse:
        """Remember every click on a card before it is handled."""
        self._remember(body)
        return next()

    def keys(self) -> list[str]:
        """The keys of the cards that were clicked and may have to be replaced."""
        now = monotonic()
        with self._lock:
            return [key for key, click in self._clicks.items() if click.valid_until > now]

    def take(self, row: OutboxRow) -> str | None:
        """The response URL of a click on this message, which is then forgotten."""
        with self._lock:
            click = self._clicks.pop(row.key, None)
        if click is None or click.ts != row.ts or click.valid_until < monotonic():
            return None
        return click.response_url

    def _remember(self, body: Mapping[str, Any]) -> None:
        if body.get("type") != "block_actions":
            return
        actions, message = body.get("actions"), body.get("message")
        response_url = body.get("response_url")
        if not isinstance(actions, list) or not actions or not isinstance(message, Mapping):
            return
        value, ts = actions[0].get("value"), message.get("ts")
        action_id = str(actions[0].get("action_id"))
        is_text = isinstance(value, str) and isinstance(ts, str) and isinstance(response_url, str)
        if not is_text or CHECKPOINT_ACTION.match(action_id) is None:
            return
        checkpoint_id = str(value).partition(" ")[0]
        click = _Click(str(ts), str(response_url), monotonic() + VALID_SECONDS)
        with self._lock:
            self._clicks.pop(key := f"{OutboxKind.CHECKPOINT.value}:{checkpoint_id}", None)
            self._clicks[key] = click
            while len(self._clicks) > MAX_KEPT:
                del self._clicks[next(iter(self._clicks))]
