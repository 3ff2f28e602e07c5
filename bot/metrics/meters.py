"""Several meters as one."""

from __future__ import annotations

from collections.abc import Sequence

from storage.measurements import Measurement
from storage.ports import Meter


class Meters:
    def __init__(self, *meters: Meter) -> None:
        self._meters = meters

    def record(self, measurements: Sequence[Measurement]) -> None:
        for meter in self._meters:
            meter.record(measurements)
