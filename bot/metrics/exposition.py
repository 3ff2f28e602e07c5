"""The format of /metrics, wherever it is served."""

from __future__ import annotations

from typing import Final

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
