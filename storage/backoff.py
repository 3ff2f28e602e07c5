"""Retries: one formula for the waits, and tenacity for the loops.

It lives in this package because workers and front ends share it, and both import only this one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_attempt,
    stop_when_event_set,
)
from tenacity.stop import stop_base, stop_never


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits in seconds after failures in a row: `first`, then doubled each time up to `longest`.

    A tenacity wait. Call `after` if the wait is stored, or in a loop that restarts something.
    """

    first: float
    longest: float

    def after(self, failures: int) -> float:
        return min(self.longest, self.first * 2.0 ** min(failures - 1, 30))

    def __call__(self, state: RetryCallState) -> float:
        """Return the wait after the attempt that failed, for tenacity."""
        return self.after(state.attempt_number)


def retrying_until(
    stopping: Event,
    wait: Callable[[RetryCallState], float],
    *,
    on: type[Exception],
    tries: int | None = None,
) -> Retrying:
    """Return a caller that retries on errors of the type `on`, at most `tries` times in all.

    Setting `stopping` ends the current wait, and the call after it is the last. The last error is
    raised.
    """
    limit: stop_base = stop_never if tries is None else stop_after_attempt(tries)
    return Retrying(
        retry=retry_if_exception_type(on),
        wait=wait,
        stop=limit | stop_when_event_set(stopping),
        sleep=sleep_using_event(stopping),
        reraise=True,
    )
