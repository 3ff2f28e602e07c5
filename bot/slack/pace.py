"""How fast one may post: about one message a second to a channel, and what Slack says beyond."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from time import monotonic

BURST = 3.0


class Pace:
    """A bucket for each channel that holds three posts and gains one a second."""

    def __init__(self, *, per_second: float = 1.0, now: Callable[[], float] = monotonic) -> None:
        self._per_second = per_second
        self._now = now
        self._buckets: dict[str, tuple[float, float]] = {}
        self._paused: dict[str, float] = {}
        self._lock = Lock()

    def take(self, channel: str) -> float:
        """Seconds to wait before posting there; 0 means go, and counts as a post."""
        now = self._now()
        with self._lock:
            paused = self._paused.get(channel, 0.0) - now
            if paused > 0:
                return paused
            held, since = self._buckets.get(channel, (BURST, now))
            held = min(BURST, held + (now - since) * self._per_second)
            if held < 1.0:
                self._buckets[channel] = (held, now)
                return (1.0 - held) / self._per_second
            self._buckets[channel] = (held - 1.0, now)
            self._forget(now)
            return 0.0

    def pause(self, channel: str, seconds: float) -> None:
        """Slack asked for quiet there."""
        with self._lock:
            until = self._now() + seconds
            self._paused[channel] = max(until, self._paused.get(channel, 0.0))

    def _forget(self, now: float) -> None:
        if len(self._buckets) > 1000:
            full = BURST / self._per_second
            self._buckets = {c: b for c, b in self._buckets.items() if now - b[1] < full}
            self._paused = {c: until for c, until in self._paused.items() if until > now}
