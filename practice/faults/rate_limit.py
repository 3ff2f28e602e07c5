"""Slack's rate limit for posting messages; off by default."""

from __future__ import annotations

import math
from collections.abc import Callable

MESSAGES_PER_SECOND = 1.0
BURST = 4.0


class PostingRateLimit:
    """A token bucket per channel: about one message per second, with a small burst."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.enabled = False
        self.rate = MESSAGES_PER_SECOND
        self.burst = BURST
        self._buckets: dict[str, tuple[float, float]] = {}

    def retry_after(self, channel: str) -> int:
        """Seconds until this channel may be posted to again; 0 accepts and counts the post."""
        if not self.enabled:
            return 0
        now = self._clock()
        tokens, updated = self._buckets.get(channel, (self.burst, now))
        tokens = min(self.burst, tokens + (now - updated) * self.rate)
        if tokens < 1.0:
            self._buckets[channel] = (tokens, now)
            return max(1, math.ceil((1.0 - tokens) / self.rate))
        self._buckets[channel] = (tokens - 1.0, now)
        return 0
