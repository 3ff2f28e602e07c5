"""Periodic jobs ("ticks"), run by APScheduler.

Ticks keep no state: each one queries the database for what is due. Several processes may run them,
because every change is a compare-and-set that only one of them wins. A tick that is missed or fails
loses nothing: the next one finds the same rows.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from storage.errors import Busy
from storage.idempotency_keys import IdempotencyKeys
from storage.state_manager import StateManager
from storage.token_manager import TokenManager

log = logging.getLogger(__name__)

FIRST_PASS_ROWS: Final = 25
"""Rows in a sweep's first pass. Passes are small because a click waits for one to finish."""

MAX_PASS_ROWS: Final = 400
SHORT_PASS_SECONDS: Final = 0.04
LONG_PASS_SECONDS: Final = 0.1
"""After a pass shorter than SHORT_PASS_SECONDS the number of rows doubles, and after one longer
than LONG_PASS_SECONDS it is halved."""

_MAX_PASSES: Final = 200

AN_HOUR: Final = timedelta(hours=1)

MESSAGES_KEPT: Final = timedelta(days=30)
"""How long the positions of an ended execution's messages in Slack are kept."""

CLOCK_CHECK_SECONDS: Final = 0.5
CLOCK_TOLERANCE_SECONDS: Final = 0.5
"""A clock that is set back by more than this is noticed within CLOCK_CHECK_SECONDS."""

STUCK_SECONDS: Final = 300.0
"""A tick that runs for longer than this is considered stuck."""


@dataclass(frozen=True, slots=True)
class Tick:
    name: str
    every: timedelta
    work: Callable[[], object]


def state_ticks(
    state: StateManager, *, lease: timedelta, keep: timedelta | None = None
) -> tuple[Tick, ...]:
    """The ticks of the use cases. `keep`: how long ended executions are kept; None: forever."""
    retention: tuple[Tick, ...] = ()
    if keep is not None:
        forget = partial(state.delete_old_executions, older_than=keep)
        retention = (Tick("forget_executions", AN_HOUR, lambda: _sweep(forget)),)
    return (
        *retention,
        Tick("expire", timedelta(seconds=1), lambda: _sweep(state.expire_due)),
        Tick("remind", timedelta(seconds=15), lambda: _sweep(state.remind_due)),
        Tick("recover", lease / 3, state.recover),
        Tick("forget_deliveries", AN_HOUR, state.delete_old_deliveries),
        Tick("forget_expired", AN_HOUR, state.delete_expired),
        Tick(
            "forget_messages",
            AN_HOUR,
            lambda: _sweep(partial(state.delete_old_messages, older_than=MESSAGES_KEPT), rows=500),
        ),
    )


def access_ticks(tokens: TokenManager, keys: IdempotencyKeys) -> tuple[Tick, ...]:
    """The ticks of what the API keeps of its callers."""
    return (
        Tick("forget_tokens", AN_HOUR, tokens.delete_expired),
        Tick("forget_idempotency_keys", AN_HOUR, keys.delete_old),
    )


def slack_ticks(
    *, deliver_due: Callable[[], object], refresh_actors: Callable[[], object]
) -> tuple[Tick, ...]:
    """The ticks of the Slack front end."""
    return (
        Tick("deliver", timedelta(seconds=2), deliver_due),
        Tick("refresh_actors", timedelta(minutes=5), refresh_actors),
    )


def _sweep(step: Callable[..., int], *, rows: int = FIRST_PASS_ROWS) -> None:
    """Run passes until one handles fewer rows than its limit. After _MAX_PASSES the next tick
    continues."""
    largest = max(rows, MAX_PASS_ROWS)
    for _ in range(_MAX_PASSES):
        started = time.monotonic()
        if step(limit=rows) < rows:
            return
        seconds = time.monotonic() - started
        if seconds < SHORT_PASS_SECONDS:
            rows = min(2 * rows, largest)
        elif seconds > LONG_PASS_SECONDS:
            rows = max(rows // 2, 1)


class _Interval(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Fires at an interval, and only once for all the times that were missed.

    APScheduler's IntervalTrigger lists every missed time. After a clock jumped from 1970 to now, or
    a machine slept for months, that takes minutes and gigabytes.
    """

    def __init__(self, every: timedelta) -> None:
        self._every = every

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        following = (now if previous is None else previous) + self._every
        return following if following > now else now + self._every


class Scheduler:
    """Runs each tick at start and then at its interval. A tick never overlaps itself."""

    def __init__(self, ticks: Sequence[Tick]) -> None:
        self._ticks = tuple(ticks)
        self._running_since: dict[str, float] = {}
        self._scheduler = BackgroundScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": ThreadPoolExecutor(max(len(self._ticks), 1))},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )
        self._scheduler.add_listener(_tick_failed, EVENT_JOB_ERROR)
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._watch_clock, name="clock-watch", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether the scheduler runs and no tick is stuck."""
        now = time.monotonic()
        started = self._running_since.copy().values()
        return bool(self._scheduler.running) and all(now - t <= STUCK_SECONDS for t in started)

    @property
    def running(self) -> int:
        """How many ticks are running."""
        return len(self._running_since)

    def start(self) -> None:
        for name in ("apscheduler.executors", "apscheduler.scheduler"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # `_tick_failed` logs errors
        for tick in self._ticks:
            self._scheduler.add_job(
                partial(self._run, tick),
                _Interval(tick.every),
                id=tick.name,
                next_run_time=datetime.now(UTC),
            )
        self._scheduler.start()
        self._watch.start()

    def stop(self) -> None:
        """Start no more ticks, and wait for those that run."""
        self._stopping.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def _watch_clock(self) -> None:
        """Run every tick at once if the wall clock was set back.

        APScheduler uses the wall clock: if it is set back by an hour, a tick that was due in a
        second would be due in an hour.
        """
        before = wall_clock_ahead()
        while not self._stopping.wait(CLOCK_CHECK_SECONDS):
            ahead = wall_clock_ahead()
            if ahead < before - CLOCK_TOLERANCE_SECONDS:
                log.warning("scheduler.clock_went_back", extra={"seconds": round(before - ahead)})
                for tick in self._ticks:
                    self._scheduler.modify_job(tick.name, next_run_time=datetime.now(UTC))
            before = ahead

    def _run(self, tick: Tick) -> None:
        self._running_since[tick.name] = time.monotonic()
        try:
            tick.work()
        finally:
            del self._running_since[tick.name]


def wall_clock_ahead() -> float:
    """How many seconds the wall clock is ahead of the monotonic clock."""
    return time.time() - time.monotonic()


def _tick_failed(event: JobExecutionEvent) -> None:
    error = event.exception
    if isinstance(error, Busy):
        log.warning("tick.busy", extra={"tick": event.job_id})
        return
    log.error(
        "tick.failed",
        extra={"tick": event.job_id, "error": type(error).__name__},
        exc_info=(type(error), error, error.__traceback__),
    )
