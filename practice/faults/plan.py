"""Planned failures of one Web API method or of all, a number of times or until cleared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "ratelimited",  # 429 with Retry-After; the call has no effect
    "http_500",  # a server error, or another `status`; the call has no effect
    "no_json",  # 200 with an HTML page, as from a captive portal; the call has no effect
    "error",  # {"ok": false, "error": …}; the call has no effect
    "hang",  # waits `seconds`, then the call succeeds as usual
    "lost_request",  # the connection breaks; the call has no effect
    "lost_reply",  # the call takes effect, but the connection breaks before the response
    "truncated",  # the call takes effect, but only half of the response arrives
]


@dataclass
class Fault:
    """One planned failure: it lets `skip` calls pass, then hits `times` calls (None: all)."""

    id: int
    method: str  # a Web API method, "response_url", "upload", or "*"
    kind: Kind
    times: int | None = 1
    skip: int = 0
    error: str = "internal_error"
    seconds: float = 1.0
    retry_after: int = 1
    channel: str | None = None
    status: int = 500
    hits: int = 0


class Faults:
    """The list of planned failures, consulted once for each call."""

    def __init__(self) -> None:
        self._planned: list[Fault] = []
        self._ids = 0

    def plan(
        self,
        method: str,
        kind: Kind,
        *,
        times: int | None = 1,
        skip: int = 0,
        error: str = "internal_error",
        seconds: float = 1.0,
        retry_after: int = 1,
        channel: str | None = None,
        status: int = 500,
    ) -> Fault:
        self._ids += 1
        fault = Fault(
            id=self._ids,
            method=method,
            kind=kind,
            times=times,
            skip=skip,
            error=error,
            seconds=seconds,
            retry_after=retry_after,
            channel=channel,
            status=status,
        )
        self._planned.append(fault)
        return fault

    def next(self, method: str, channel: str | None = None) -> Fault | None:
        """Take the failure for this call off the plan; None if the call should succeed."""
        for fault in self._planned:
            if fault.method not in (method, "*"):
                continue
            if fault.channel is not None and fault.channel != channel:
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.hits += 1
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._planned.remove(fault)
            return fault
        return None

    def planned(self) -> list[Fault]:
        return list(self._planned)

    def clear(self) -> None:
        self._planned.clear()
