"""Short-lived tickets: trigger ids, response URLs and socket URLs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from practice.state.errors import SlackError

TRIGGER_SECONDS = 3.0
RESPONSE_SECONDS = 30 * 60.0
RESPONSE_USES = 5
SOCKET_SECONDS = 30.0


@dataclass
class _Trigger:
    user: str
    view_id: str | None
    until: float
    used: bool = False


class Triggers:
    """Trigger ids. Each opens one view within three seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._issued: dict[str, _Trigger] = {}

    def issue(self, user: str, *, view_id: str | None = None) -> str:
        now = self._clock()
        expired = [name for name, trigger in self._issued.items() if trigger.until < now - 600]
        for name in expired:
            del self._issued[name]
        name = f"{int(now * 1000)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._issued[name] = _Trigger(user, view_id, now + TRIGGER_SECONDS)
        return name

    def exchange(self, name: str) -> tuple[str, str | None]:
        """The user who acted and the view they acted in. A second exchange fails."""
        trigger = self._issued.get(name)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if self._clock() > trigger.until:
            raise SlackError("expired_trigger_id")
        trigger.used = True
        return trigger.user, trigger.view_id


@dataclass
class ResponseTarget:
    """What a response URL refers to: the user, the channel and the message they acted on."""

    user: str
    channel: str
    message_ts: str | None
    ephemeral: bool
    until: float
    uses: int = 0


class ResponseUrls:
    """Response URLs. Each can be used five times within thirty minutes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._issued: dict[str, ResponseTarget] = {}

    def issue(
        self, *, user: str, channel: str, message_ts: str | None = None, ephemeral: bool = False
    ) -> str:
        name = secrets.token_urlsafe(18)
        self._issued[name] = ResponseTarget(
            user, channel, message_ts, ephemeral, self._clock() + RESPONSE_SECONDS
        )
        return name

    def use(self, name: str) -> ResponseTarget:
        target = self._issued.get(name)
        if target is None or self._clock() > target.until:
            raise SlackError("expired_url")
        if target.uses >= RESPONSE_USES:
            raise SlackError("used_url")
        target.uses += 1
        return target


class SocketTickets:
    """Tickets from `apps.connections.open`. Each opens one socket within 30 seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._issued: dict[str, float] = {}

    def issue(self) -> str:
        name = secrets.token_urlsafe(18)
        self._issued[name] = self._clock() + SOCKET_SECONDS
        return name

    def use(self, name: str) -> bool:
        until = self._issued.pop(name, None)
        return until is not None and self._clock() <= until
