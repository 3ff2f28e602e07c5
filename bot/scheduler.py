"""APScheduler as a clockwork of ticks. It holds no job of anybody's: every tick asks the rows.

The jobs live in memory and run on every node: deadlines and leases stand in the database, and of
several sweepers compare-and-set lets one win. A tick that was missed or that fails loses nothing,
because the next one finds the same rows.
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
from storage.state_manager import StateManager

log = logging.getLogger(__name__)

SWEEP: Final = 25
"""Rows of a sweep's first pass: who clicks meanwhile waits for a pass to be over."""

LARGEST: Final = 400
SHORT: Final = 0.04
LONG: Final = 0.1
"""A pass that took less than SHORT seconds is followed by one of twice as many rows, and one that
took longer than LONG by one of half as many."""

_PASSES: Final = 200

AN_HOUR: Final = timedelta(hours=1)

MESSAGES_KEPT: Final = timedelta(days=30)
"""How long it is known where the messages of an execution stand that has ended."""

WATCH_SECONDS: Final = 0.5
WENT_BACK: Final = 0.5
"""A clock that is set back by as much is noticed, and that within WATCH_SECONDS."""

STUCK_SECONDS: Final = 300.0
"""A tick that takes so long will not end any more."""


@dataclass(frozen=True, slots=True)
class Tick:
    name: str
    every: timedelta
    work: Callable[[], object]


def state_ticks(
    state: StateManager, *, lease: timedelta, keep: timedelta | None = None
) -> tuple[Tick, ...]:
    """What the database needs done in time. `keep`: how long executions that ended are kept."""
    forgetting: tuple[Tick, ...] = ()
    if keep is not None:
        forget = partial(state.forget_executions, older_than=keep)
        forgetting = (Tick("forget_executions", AN_HOUR, lambda: _sweep(forget)),)
    return (
        *forgetting,
        Tick("expire", timedelta(seconds=1), lambda: _sweep(state.expire_due)),
        Tick("remind", timedelta(seconds=15), lambda: _sweep(state.remind_due)),
        Tick("recover", lease / 3, state.recover),
        Tick("forget_deliveries", AN_HOUR, state.forget_deliveries),
        Tick("forget_expired", AN_HOUR, state.forget_expired),
        Tick(
            "forget_messages",
            AN_HOUR,
            lambda: _sweep(partial(state.forget_messages, older_than=MESSAGES_KEPT), of=500),
        ),
    )


def slack_ticks(
    *, deliver_due: Callable[[], object], refresh_actors: Callable[[], object]
) -> tuple[Tick, ...]:
    """What Slack's side needs done in time."""
    return (
        Tick("deliver", timedelta(seconds=2), deliver_due),
        Tick("refresh_actors", timedelta(minutes=5), refresh_actors),
    )


def _sweep(step: Callable[..., int], *, of: int = SWEEP) -> None:
    """Passes until one finds fewer rows than it may take; capped, the next tick goes on."""
    largest = max(of, LARGEST)
    for _ in range(_PASSES):
        began = time.monotonic()
        if step(limit=of) < of:
            return
        took = time.monotonic() - began
        if took < SHORT:
            of = min(2 * of, largest)
        elif took > LONG:
            of = max(of // 2, 1)


class _Every(BaseTrigger):  # type: ignore[misc]  # APScheduler tells no types
    """At an interval, and once for all the times that have passed.

    APScheduler's own one lists them all: after a clock was set from 1970 to now, or a machine slept
    for months, that takes minutes and gigabytes.
    """

    def __init__(self, every: timedelta) -> None:
        self._every = every

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        following = (now if previous is None else previous) + self._every
        return following if following > now else now + self._every


class Scheduler:
    """Runs each tick at start and then at its interval, one at a time each."""

    def __init__(self, ticks: Sequence[Tick]) -> None:
        self._ticks = tuple(ticks)
        self._at_work: dict[str, float] = {}
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
        """Whether the clockwork runs and no tick hangs."""
        now = time.monotonic()
        hangs = any(now - since > STUCK_SECONDS for since in self._at_work.copy().values())
        return bool(self._scheduler.running) and not hangs

    @property
    def running(self) -> int:
        """How many ticks are at work."""
        return len(self._at_work)

    def start(self) -> None:
        for name in ("apscheduler.executors", "apscheduler.scheduler"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # the listener says it once
        for tick in self._ticks:
            self._scheduler.add_job(
                partial(self._run, tick),
                _Every(tick.every),
                id=tick.name,
                next_run_time=datetime.now(UTC),
            )
        self._scheduler.start()
        self._watch.start()

    def stop(self) -> None:
        """No tick starts any more; those that run are waited for."""
        self._stopping.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def _watch_clock(self) -> None:
        """APScheduler goes by the time of day: when that is set back by an hour, what was due in
        a second would be due in an hour. Then every tick is due at once."""
        before = wall_clock_ahead()
        while not self._stopping.wait(WATCH_SECONDS):
            ahead = wall_clock_ahead()
            if ahead < before - WENT_BACK:
                log.warning("scheduler.clock_went_back", extra={"seconds": round(before - ahead)})
                for tick in self._ticks:
                    self._scheduler.modify_job(tick.name, next_run_time=datetime.now(UTC))
            before = ahead

    def _run(self, tick: Tick) -> None:
        self._at_work[tick.name] = time.monotonic()
        try:
            tick.work()
        finally:
            del self._at_work[tick.name]


def wall_clock_ahead() -> float:
    """By how many seconds the time of day is ahead of the clock that nobody sets."""
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
