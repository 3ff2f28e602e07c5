"""The processes: how each begins and ends, and what tells others how it fares.

Each may run as often as is wanted, on one database. Told to end, a process takes no new work and
lets what runs go on for COUNTERSIGN_GRACE_SECONDS; what has not ended by then goes back to the
others. Its front ends answer meanwhile: a decision is worth as much in the last second.
"""

from __future__ import annotations

import gc
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import timedelta

from bot.bootstrap import CannotStartError, Core
from bot.process.health import HealthServer
from bot.process.listening import CannotBindError
from bot.process.systemd import Systemd
from bot.scheduler import Scheduler, Tick, state_ticks
from bot.settings import Settings
from bot.version import VERSION

log = logging.getLogger(__name__)


class Role(ABC):
    """A process from its start to its end, and what tells others how it fares meanwhile."""

    name: str

    def __init__(
        self, settings: Settings, *, known_as: str | None = None, crews: bool = True
    ) -> None:
        """`known_as`: what the database's server shows of it, beside the product's name."""
        self._settings = settings
        self._core = Core(settings, role=known_as or self.name, crews=crews)
        self._started = False
        self._systemd = Systemd(
            settings.notify_socket, watchdog=settings.watchdog_seconds, alive=self.alive
        )
        self._health: HealthServer | None = None
        if settings.health_port is not None:
            try:
                self._health = HealthServer(
                    self.name, port=settings.health_port, alive=self.alive, ready=self.ready
                )
            except CannotBindError as error:
                raise CannotStartError(
                    f"{error}. Set COUNTERSIGN_HEALTH_PORT to another port, or to none."
                ) from error

    @abstractmethod
    def _start(self) -> Mapping[str, object]:
        """Begin; what to say of it in the log."""

    @abstractmethod
    def _stop(self, until: float) -> None:
        """End in peace until then (monotonic), then end."""

    @abstractmethod
    def _waits_for(self) -> Mapping[str, object]:
        """What is still going on, for the log."""

    @abstractmethod
    def alive(self) -> bool:
        """Whether it moves. False: only a new start helps."""

    def ready(self) -> bool:
        """Whether it can do its work now."""
        return self._started and self.alive() and self._core.answers()

    def start(self) -> None:
        facts = dict(self._start())
        self._started = True
        gc.collect()
        gc.freeze()  # what is there now stays: looking through it takes 0.2 s, in which all stand
        if self._health is not None:
            facts["health_port"] = self._health.port
        log.info(f"{self.name}.started", extra=facts)
        self._systemd.ready()

    def stop(self) -> None:
        began = time.monotonic()
        if self._started:
            grace = self._settings.grace_seconds
            log.info(f"{self.name}.stopping", extra={**self._waits_for(), "grace_s": grace})
        self._started = False
        self._systemd.stopping()
        self._stop(began + self._settings.grace_seconds)
        self._core.engine.dispose()
        self._systemd.stop()
        if self._health is not None:
            self._health.stop()
        log.info(f"{self.name}.stopped", extra={"after_s": round(time.monotonic() - began, 3)})


class Worker(Role):
    """`countersign worker`: phases of crews, and nothing else."""

    name = "worker"

    def __init__(self, settings: Settings, *, workers: int) -> None:
        super().__init__(settings)
        self._pool = self._core.pool(settings, workers)

    def alive(self) -> bool:
        return not self._started or self._pool.alive

    def _start(self) -> Mapping[str, object]:
        self._pool.start()
        self._core.queue.bind(self._pool)
        return {"version": VERSION, "slots": self._pool.slots}

    def _waits_for(self) -> Mapping[str, object]:
        return {"phases": self._pool.running}

    def _stop(self, until: float) -> None:
        self._core.queue.stop()
        self._pool.stop(left(until))


class SchedulerRole(Role):
    """`countersign scheduler`: deadlines, reminders, recovery and forgetting, nothing else."""

    name = "scheduler"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, crews=False)
        self._scheduler = Scheduler(ticks_of(settings, self._core))

    def alive(self) -> bool:
        return not self._started or self._scheduler.alive

    def _start(self) -> Mapping[str, object]:
        self._scheduler.start()
        return {"version": VERSION}

    def _waits_for(self) -> Mapping[str, object]:
        return {"ticks": self._scheduler.running}

    def _stop(self, until: float) -> None:  # noqa: ARG002  # a pass of a tick is short
        self._scheduler.stop()
        self._core.queue.stop()


def ticks_of(settings: Settings, core: Core) -> tuple[Tick, ...]:
    return state_ticks(core.state, lease=settings.lease, keep=settings.keep)


def left(until: float) -> timedelta:
    return timedelta(seconds=max(0.0, until - time.monotonic()))
