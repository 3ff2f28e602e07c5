"""Loaded at the start of a process whose clock is skewed.

Python sleeps until a moment of the monotonic clock, which libfaketime takes for one of the clock
that it fakes, and refuses; so here it sleeps for a duration.
"""

from __future__ import annotations

import _thread
import time
from typing import SupportsIndex


def _sleep(seconds: float | SupportsIndex, /) -> None:
    duration = float(seconds)
    if duration < 0:
        raise ValueError("sleep length must be non-negative")
    never = _thread.allocate_lock()
    never.acquire()
    never.acquire(timeout=duration)


time.sleep = _sleep
