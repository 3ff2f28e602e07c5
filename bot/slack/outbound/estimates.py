"""What phases usually take, looked up no more often than is cheap."""

from __future__ import annotations

from time import monotonic
from typing import Final

from storage.reads import Reads
from storage.usage import Estimate, estimate

CHEAP_SECONDS: Final = 0.15
"""A look-up that takes no longer is made each time."""

KEPT_TIMES: Final = 50
"""The answer of a longer one is good for so many times as long as it took."""

MOST_KEPT: Final = 500


class Estimates:
    """Safe to share between threads: at worst two of them look up the same."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._kept: dict[tuple[str, str], tuple[float, Estimate | None]] = {}

    def of(self, crew: str, phase: str) -> Estimate | None:
        began = monotonic()
        until, kept = self._kept.get((crew, phase), (began, None))
        if began < until:
            return kept
        found = estimate(self._reads.usage_of_phase(crew, phase))
        took = monotonic() - began
        if took > CHEAP_SECONDS:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[crew, phase] = (began + KEPT_TIMES * took, found)
        return found
