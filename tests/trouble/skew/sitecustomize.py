"""Replaces `time.sleep` in a process whose clock is skewed; Python loads this module at startup.

Python sleeps until an absolute time of the monotonic clock. libfaketime takes it for a time of the
faked clock and fails the call, so this version sleeps for a duration.
"""

from __future__ import annotations

import _thread
import time
from typing import SupportsIndex


def _sleep(seconds: float | SupportsIndex, /) -> None:
    duration = float(seconds)
    if duration < 0:
        raise ValueError("sleep length must be non-negative")
    unreleased = _thread.allocate_lock()
    unreleased.acquire()
    unreleased.acquire(timeout=duration)


time.sleep = _sleep
