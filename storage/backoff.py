"""Trying again: one formula for the waits, and tenacity for the loops.

It lives here because the workers and the front ends share it, and import nothing else in common.
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
    """Seconds to wait after so many failures in a row: `first`, doubling, at most `longest`.

    Call `after` where the wait is stored, or is that of a loop that keeps something running.
    """

    first: float
    longest: float

    def after(self, failures: int) -> float:
        return min(self.longest, self.first * 2.0 ** min(failures - 1, 30))

    def __call__(self, state: RetryCallState) -> float:
        """The wait after the attempt that has failed, for tenacity."""
        return self.after(state.attempt_number)


def retrying_until(
    stopping: Event,
    wait: Callable[[RetryCallState], float],
    *,
    on: type[Exception],
    tries: int | None = None,
) -> Retrying:
    """Call until it works; setting `stopping` ends a wait, and the call then is the last.

    Raises the last error.
    """
    limit: stop_base = stop_never if tries is None else stop_after_attempt(tries)
    return Retrying(
        retry=retry_if_exception_type(on),
        wait=wait,
        stop=limit | stop_when_event_set(stopping),
        sleep=sleep_using_event(stopping),
        reraise=True,
    )
