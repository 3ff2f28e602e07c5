"""A meter that takes measurements before Prometheus' library is loaded, which takes 0.2 s."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import TYPE_CHECKING

from storage.measurements import Measurement
from storage.monitoring_reads import Gauges

if TYPE_CHECKING:
    from bot.metrics.prometheus import PrometheusMeter


class DeferredMeter:
    """Keeps measurements until `load` or the first scrape."""

    def __init__(self, gauges: Callable[[], Gauges], *, version: str, role: str) -> None:
        self._gauges = gauges
        self._version = version
        self._role = role
        self._loaded: PrometheusMeter | None = None
        self._early: list[Measurement] = []
        self._lock = Lock()

    def record(self, measurements: Sequence[Measurement]) -> None:
        with self._lock:
            if self._loaded is None:
                self._early.extend(measurements)
                return
        self._loaded.record(measurements)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return self.load().exposition()

    def load(self) -> PrometheusMeter:
        from bot.metrics.prometheus import PrometheusMeter

        with self._lock:
            if self._loaded is None:
                self._loaded = PrometheusMeter(self._gauges, version=self._version, role=self._role)
                self._loaded.record(self._early)
                self._early.clear()
            return self._loaded
