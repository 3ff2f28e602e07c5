"""Slack's own rate limits, switched on when a test or a user wants them."""

from __future__ import annotations

import math
from collections.abc import Callable

MESSAGES_A_SECOND = 1.0
BURST = 4.0


class Pace:
    """About one posted message a second in each channel, with a small burst."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.on = False
        self.rate = MESSAGES_A_SECOND
        self.burst = BURST
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait_for(self, channel: str) -> int:
        """Seconds to wait before this post is let through; 0 lets it through and counts it."""
        if not self.on:
            return 0
        now = self._clock()
        left, then = self._buckets.get(channel, (self.burst, now))
        left = min(self.burst, left + (now - then) * self.rate)
        if left < 1.0:
            self._buckets[channel] = (left, now)
            return max(1, math.ceil((1.0 - left) / self.rate))
        self._buckets[channel] = (left - 1.0, now)
        return 0
