"""The processes: what each of them starts, and in which order it ends.

Each may run as often as is wanted, on one database. Told to end, a process takes no new work and
lets what runs go on for COUNTERSIGN_GRACE_SECONDS; what has not ended by then goes back to the
others. Its front ends answer meanwhile: a decision is worth as much in the last second.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from bot.api.app import DoorAnswer, create_api
from bot.api.calls import ApiConfig
from bot.api.guard import in_a_url, loopback_hosts
from bot.health import HealthServer
from bot.scheduler import Scheduler, Tick, slack_ticks, state_ticks
from bot.server import CannotBindError, HttpServer, bind
from bot.settings import Settings
from bot.sharing import SERVE_ONLY
from bot.systemd import Systemd
from bot.version import VERSION
from bot.wiring import CannotStartError, Core, build_slack, inherit, model_in_words
from crew_runner.worker import WorkerPool
from storage.outbox import Outbox

if TYPE_CHECKING:
    from bot.slack.app import SlackFront

log = logging.getLogger(__name__)

INHERIT_EVERY: Final = timedelta(seconds=5)

LAST_WORDS: Final = timedelta(seconds=1)
"""What the deliverer gets at the least, however long phases took to end."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """What Slack's door answers while Slack's side is being built: Slack sends it again."""

    status: int = 503
    headers: Mapping[str, str] = field(default_factory=lambda: {"Retry-After": "1"})
    body: bytes = b""


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
    """`python -m bot worker`: phases of crews, and nothing else."""

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
        self._pool.stop(_left(until))


class Ticking(Role):
    """`python -m bot scheduler`: deadlines, reminders, recovery and forgetting, nothing else."""

    name = "scheduler"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, crews=False)
        self._scheduler = Scheduler(_ticks(settings, self._core))

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


class Application(Role):
    """`python -m bot serve`: REST, Slack, the scheduler and the workers in one process.

    It answers HTTP before it builds what takes longer. Without `ticks` others do what is due.
    """

    name = "serve"

    def __init__(self, settings: Settings, *, workers: int, ticks: bool = True) -> None:
        self._workers = workers
        self._ticks = ticks
        self._began = time.monotonic()
        self._slack: SlackFront | None = None
        self._pool: WorkerPool | None = None
        self._scheduler: Scheduler | None = None
        super().__init__(settings, known_as=None if ticks else SERVE_ONLY)
        try:
            self._listening = bind(settings.host, settings.port)
        except CannotBindError as error:
            raise CannotStartError(
                f"{error}. Set HITL_BACKEND_PORT to another port, or end what uses this one."
            ) from error
        self.port: int = self._listening.getsockname()[1]
        channel = settings.default_channel if settings.slack_mode else None
        api = create_api(
            state=self._core.state,
            reads=self._core.reads,
            crews=self._core.crews,
            door=self._door if settings.slack_mode == "http" else None,
            config=ApiConfig(
                hosts=loopback_hosts(settings.host, self.port), version=VERSION, channel=channel
            ),
        )
        self._http = HttpServer(api, self._listening, grace=settings.grace)

    def alive(self) -> bool:
        if not self._started:
            return True
        parts = (self._http, self._scheduler, self._pool, self._slack)
        return all(part is None or part.alive for part in parts)

    def _start(self) -> Mapping[str, object]:
        self._http.start()
        log.info(
            "serve.healthy",
            extra={
                "address": f"http://{in_a_url(self._settings.host)}:{self.port}",
                "after_s": time.monotonic() - self._began,
            },
        )
        ticks: tuple[Tick, ...] = ()
        if self._ticks:
            ticks += _ticks(self._settings, self._core)
        if self._settings.slack_mode is not None:
            ticks += self._start_slack()
        if ticks:
            self._scheduler = Scheduler(ticks)
            self._scheduler.start()
        if self._workers > 0:
            self._pool = self._core.pool(self._settings, self._workers)
            self._pool.start()
            self._core.queue.bind(self._pool)
        return self._summary()

    def _start_slack(self) -> tuple[Tick, ...]:
        """Slack's side, and what it needs done in time."""
        outbox = Outbox(self._core.engine, self._core.clock)
        slack = self._slack = build_slack(self._settings, self._core, outbox)
        self._core.signal.bind(slack.outbox_changed)
        slack.start()
        return (
            *slack_ticks(deliver_due=slack.deliver_due, refresh_actors=slack.refresh_actors),
            Tick("inherit", INHERIT_EVERY, lambda: inherit(outbox, self._core.signal)),
        )

    def _waits_for(self) -> Mapping[str, object]:
        return {"phases": 0 if self._pool is None else self._pool.running}

    def _stop(self, until: float) -> None:
        self._core.queue.stop()
        if self._pool is not None:
            self._pool.stop(_left(until))
        if self._scheduler is not None:
            self._scheduler.stop()
        self._http.stop()
        if self._slack is not None:
            self._slack.stop(max(_left(until), LAST_WORDS))

    def _door(self, headers: Mapping[str, str], body: bytes) -> DoorAnswer:
        return NotYet() if self._slack is None else self._slack.door(headers, body)

    def _summary(self) -> Mapping[str, object]:
        return {
            "version": VERSION,
            "database": self._core.engine.url.difference_update_query(
                ["application_name"]
            ).render_as_string(hide_password=True),
            "crews": ",".join(sorted(self._core.crews)),
            "slack": self._settings.slack_mode or "off (no SLACK_BOT_TOKEN): REST only",
            "model": model_in_words(self._settings.model),
            "workers": self._workers,
            "scheduler": "here" if self._ticks else "left to others",
        }


def _ticks(settings: Settings, core: Core) -> tuple[Tick, ...]:
    return state_ticks(core.state, lease=settings.lease, keep=settings.keep)


def _left(until: float) -> timedelta:
    return timedelta(seconds=max(0.0, until - time.monotonic()))
