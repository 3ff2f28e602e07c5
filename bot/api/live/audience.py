"""What the callers of open streams may see, and whether they may still listen.

Both are read again every few seconds: a person leaves a channel, a token is revoked.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from starlette.concurrency import run_in_threadpool

from bot.api.access import Access, Caller
from storage.events import Event
from storage.records import ActorKind
from storage.token_manager import TokenManager

REREAD_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Sight:
    """What a caller may see: everything if `channels` is None, else these, and their own runs."""

    read_at: float
    channels: frozenset[str] | None = None
    requester: str | None = None

    def sees(self, event: Event) -> bool:
        if self.channels is None or event.channel in self.channels:
            return True
        return event.requester is not None and event.requester == self.requester

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() - self.read_at < REREAD_SECONDS


class Audience:
    """What each caller may see, read once for all streams of the same caller."""

    def __init__(self, access: Access, tokens: TokenManager) -> None:
        self._access = access
        self._tokens = tokens
        self._known: dict[str, Sight] = {}
        self._reading: dict[str, asyncio.Future[Sight | None]] = {}

    async def sight(self, caller: Caller, *, at_least: Sight | None = None) -> Sight | None:
        """What the caller may see now, some seconds old at most. None: nothing any more."""
        if at_least is not None and at_least.is_fresh:
            return at_least
        key = f"{caller.kind}:{caller.id}:{caller.person}"
        known = self._known.get(key)
        if known is not None and known.is_fresh:
            return known
        reading = self._reading.get(key)
        if reading is None or reading.get_loop() is not asyncio.get_running_loop():
            reading = asyncio.ensure_future(run_in_threadpool(self._read, caller))
            reading.add_done_callback(lambda read: self._keep(key, read))
            self._reading[key] = reading
        return await asyncio.shield(reading)

    def _keep(self, key: str, reading: asyncio.Future[Sight | None]) -> None:
        if self._reading.get(key) is reading:
            del self._reading[key]
        self._known = {each: sight for each, sight in self._known.items() if sight.is_fresh}
        if not reading.cancelled() and reading.exception() is None:
            sight = reading.result()
            if sight is not None:
                self._known[key] = sight

    def _read(self, caller: Caller) -> Sight | None:
        read_at = time.monotonic()
        if not self._may_listen(caller):
            return None
        if caller.person is None:
            return Sight(read_at)
        channels = self._access.channels(caller)
        return Sight(read_at, channels, f"{ActorKind.SLACK.value}:{caller.person}")

    def _may_listen(self, caller: Caller) -> bool:
        if caller.kind is None:
            return not self._tokens.any_made()
        return self._tokens.is_valid(caller.id)
