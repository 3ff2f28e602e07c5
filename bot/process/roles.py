"""The roles of a process: how each starts, stops and reports its health.

Any number of processes of each role may share a database. On shutdown a process takes no new work
and gives running phases COUNTERSIGN_GRACE_SECONDS; phases that are still running then go back to
other workers. Its front ends keep answering until the end, so that no decision is lost.
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
from bot.scheduler import Scheduler, Tick, access_ticks, state_ticks
from bot.settings import Settings
from bot.version import VERSION

log = logging.getLogger(__name__)


class Role(ABC):
    """A process from start to stop, with its health checks and systemd notifications."""

    name: str

    def __init__(
        self,
        settings: Settings,
        *,
        application: str | None = None,
        crews: bool = True,
        webhooks: bool = False,
    ) -> None:
        """`application`: the role that PostgreSQL shows for its connections, if not `name`.

        Raises CannotStartError.
        """
        self._settings = settings
        self._core = Core(settings, role=application or self.name, crews=crews, webhooks=webhooks)
        self._started = False
        self._systemd = Systemd(
            settings.notify_socket, watchdog=settings.watchdog_seconds, alive=self.alive
        )
        self._health: HealthServer | None = None
        if settings.health_port is not None:
            try:
                self._health = HealthServer(
                    self.name,
                    port=settings.health_port,
                    alive=self.alive,
                    ready=self.ready,
                    metrics=self._core.meter.exposition,
                )
            except CannotBindError as error:
                raise CannotStartError(
                    f"{error}. Set COUNTERSIGN_HEALTH_PORT to another port, or unset it."
                ) from error

    @abstractmethod
    def _start(self) -> Mapping[str, object]:
        """Start the parts of this role. Returns fields for the log."""

    @abstractmethod
    def _stop(self, deadline: float) -> None:
        """Stop, gracefully until `deadline` (monotonic seconds)."""

    @abstractmethod
    def _work_in_progress(self) -> Mapping[str, object]:
        """What is still running, as fields for the log."""

    @abstractmethod
    def alive(self) -> bool:
        """False if the process is stuck and must be restarted."""

    def ready(self) -> bool:
        """Whether it can do its work now."""
        return self._started and self.alive() and self._core.database_answers()

    def start(self) -> None:
        fields = dict(self._start())
        self._core.meter.load()
        self._started = True
        gc.collect()
        # Exclude startup objects from garbage collection: a full one pauses every thread for 0.2 s.
        gc.freeze()
        if self._health is not None:
            fields["health_port"] = self._health.port
        log.info(f"{self.name}.started", extra=fields)
        self._systemd.ready()

    def stop(self) -> None:
        stopping_at = time.monotonic()
        if self._started:
            grace = self._settings.grace_seconds
            log.info(f"{self.name}.stopping", extra={**self._work_in_progress(), "grace_s": grace})
        self._started = False
        self._systemd.stopping()
        self._stop(stopping_at + self._settings.grace_seconds)
        self._core.tracer.close()
        self._core.engine.dispose()
        self._systemd.stop()
        if self._health is not None:
            self._health.stop()
        seconds = round(time.monotonic() - stopping_at, 3)
        log.info(f"{self.name}.stopped", extra={"after_s": seconds})


class Worker(Role):
    """`countersign worker`: runs phases of crews, and nothing else."""

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

    def _work_in_progress(self) -> Mapping[str, object]:
        return {"phases": self._pool.running}

    def _stop(self, deadline: float) -> None:
        self._core.queue.stop()
        self._pool.stop(time_left(deadline))


class SchedulerRole(Role):
    """`countersign scheduler`: deadlines, reminders, recovery and retention, nothing else."""

    name = "scheduler"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, crews=False)
        self._scheduler = Scheduler(core_ticks(settings, self._core))

    def alive(self) -> bool:
        return not self._started or self._scheduler.alive

    def _start(self) -> Mapping[str, object]:
        self._scheduler.start()
        return {"version": VERSION}

    def _work_in_progress(self) -> Mapping[str, object]:
        return {"ticks": self._scheduler.running}

    def _stop(self, deadline: float) -> None:  # noqa: ARG002  # a tick's pass is short
        self._scheduler.stop()
        self._core.queue.stop()


def core_ticks(settings: Settings, core: Core) -> tuple[Tick, ...]:
    return (
        *state_ticks(core.state, lease=settings.lease, keep=settings.keep),
        *access_ticks(core.tokens, core.idempotency_keys),
    )


def time_left(deadline: float) -> timedelta:
    """From now until `deadline` (monotonic seconds); zero if it has passed."""
    return timedelta(seconds=max(0.0, deadline - time.monotonic()))
