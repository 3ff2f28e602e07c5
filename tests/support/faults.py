"""Planned failures of the Web API, with a method for each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from practice.faults.plan import Fault, Kind
from practice.practice import Practice

T = TypeVar("T")


class PlannedFaults:
    """Makes the bot's next calls fail.

    `method` is a Web API method, "response_url", or "*" for all. After `skip` successful calls,
    `times` calls fail (None: until `clear`). `channel` limits this to calls with this channel id.
    """

    def __init__(self, practice: Practice, call: Callable[[Callable[[], Fault]], Fault]) -> None:
        self._practice = practice
        self._call = call

    def rate_limited(
        self, method: str, *, retry_after: int = 1, times: int | None = 1, skip: int = 0
    ) -> Fault:
        """429 with Retry-After; nothing happens."""
        return self._plan(method, "ratelimited", times, skip, retry_after=retry_after)

    def server_error(self, method: str, *, times: int | None = 1, skip: int = 0) -> Fault:
        """500; nothing happens."""
        return self._plan(method, "http_500", times, skip)

    def error(
        self,
        method: str,
        error: str,
        *,
        times: int | None = 1,
        skip: int = 0,
        channel: str | None = None,
    ) -> Fault:
        """`{"ok": false, "error": …}`; nothing happens."""
        return self._plan(method, "error", times, skip, error=error, channel=channel)

    def hang(self, method: str, seconds: float, *, times: int | None = 1, skip: int = 0) -> Fault:
        """The call succeeds, but only after so many seconds."""
        return self._plan(method, "hang", times, skip, seconds=seconds)

    def lost_reply(self, method: str, *, times: int | None = 1, skip: int = 0) -> Fault:
        """The call takes effect, but the connection breaks before the response."""
        return self._plan(method, "lost_reply", times, skip)

    def lost_request(self, method: str, *, times: int | None = 1, skip: int = 0) -> Fault:
        """The connection breaks and nothing happens."""
        return self._plan(method, "lost_request", times, skip)

    def truncated(self, method: str, *, times: int | None = 1, skip: int = 0) -> Fault:
        """The call takes effect, and half of the response arrives."""
        return self._plan(method, "truncated", times, skip)

    def clear(self) -> None:
        self._practice.faults.clear()

    def _plan(  # the parameters of `Faults.plan`, passed on
        self,
        method: str,
        kind: Kind,
        times: int | None,
        skip: int,
        *,
        error: str = "internal_error",
        seconds: float = 1.0,
        retry_after: int = 1,
        channel: str | None = None,
    ) -> Fault:
        return self._call(
            lambda: self._practice.faults.plan(
                method,
                kind,
                times=times,
                skip=skip,
                error=error,
                seconds=seconds,
                retry_after=retry_after,
                channel=channel,
            )
        )
