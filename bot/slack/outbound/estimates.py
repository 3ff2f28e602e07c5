"""What phases usually use, cached if the query is slow."""

from __future__ import annotations

from time import monotonic
from typing import Final

from storage.reads import Reads
from storage.usage import Estimate, estimate

CHEAP_SECONDS: Final = 0.15
"""A query that takes no longer is not cached."""

CACHE_FACTOR: Final = 50
"""The result of a slower query is cached for this many times its duration."""

MAX_CACHED: Final = 500


class Estimates:
    """Safe to share between threads: at worst two of them run the same query."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._cache: dict[tuple[str, str], tuple[float, Estimate | None]] = {}

    def get(self, crew: str, phase: str) -> Estimate | None:
        """None if no earlier run of the phase is known."""
        started = monotonic()
        expires, cached = self._cache.get((crew, phase), (started, None))
        if started < expires:
            return cached
        fresh = estimate(self._reads.usage_of_phase(crew, phase))
        duration = monotonic() - started
        if duration > CHEAP_SECONDS:
            if len(self._cache) >= MAX_CACHED:
                self._cache.clear()
            self._cache[crew, phase] = (started + CACHE_FACTOR * duration, fresh)
        return fresh
