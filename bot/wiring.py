"""The composition root: the only place that builds the parts and hands them to one another."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from alembic.util import CommandError
from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from bot.api.app import DoorAnswer, create_api
from bot.api.calls import ApiConfig
from bot.api.guard import in_a_url, loopback_hosts
from bot.scheduler import Scheduler, Tick, slack_ticks, state_ticks
from bot.server import CannotBindError, HttpServer, bind
from bot.settings import Settings, forget_proxies
from bot.version import VERSION
from crew_runner import owners
from crew_runner.models.environment import Route, choose
from crew_runner.queues.local import LocalDispatch
from crew_runner.queues.port import CannotInstall, Queue
from crew_runner.registry import CrewsFileError, load_crews
from crew_runner.worker import WorkerPool
from storage.database import SystemClock, upgrade
from storage.definitions import CrewDefinition, ModelSettings
from storage.engines import Pool, connection_arguments, open_engine, whole_url
from storage.errors import Busy
from storage.outbox import Outbox
from storage.reads import Reads
from storage.state_manager import StateManager

if TYPE_CHECKING:
    from bot.slack.app import SlackFront

log = logging.getLogger(__name__)

GRACE: Final = timedelta(seconds=5)
"""What running phases, and then the deliverer, get to end in peace."""

MIGRATION_WAIT: Final = 30.0

INHERIT_EVERY: Final = timedelta(seconds=5)


class CannotStartError(Exception):
    """Why this process cannot start, in words. `of_settings`: a file or variable is to mend."""

    def __init__(self, words: str, *, of_settings: bool = False) -> None:
        super().__init__(words)
        self.of_settings = of_settings


class LateSignal:
    """Tells the deliverer, once there is one. Before that its tick finds the rows."""

    def __init__(self) -> None:
        self._wake: Callable[[], None] | None = None

    def bind(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def outbox_changed(self) -> None:
        if self._wake is not None:
            self._wake()


@dataclass(frozen=True, slots=True)
class NotYet:
    """What Slack's door answers while Slack's side is being built: Slack sends it again."""

    status: int = 503
    headers: Mapping[str, str] = field(default_factory=lambda: {"Retry-After": "1"})
    body: bytes = b""


class Core:
    """The parts that every process has: the database, the crews and the use cases."""

    def __init__(self, settings: Settings) -> None:
        try:
            self.crews: Mapping[str, CrewDefinition] = load_crews(settings.crews_file)
        except CrewsFileError as error:
            raise CannotStartError(str(error), of_settings=True) from error
        self.clock = SystemClock()
        self.engine = open_database(settings)
        self.signal = LateSignal()
        self.queue = queue_on(self.engine, settings)
        self.state = StateManager(
            self.engine,
            clock=self.clock,
            dispatch=self.queue,
            signal=self.signal,
            lease=settings.lease,
        )
        self.reads = Reads(self.engine)

    def pool(self, settings: Settings, slots: int) -> WorkerPool:
        return WorkerPool(
            state=self.state,
            reads=self.reads,
            model=settings.model,
            crews=self.crews,
            slots=slots,
            lease=settings.lease,
            environment=settings.crew_environment,
            poll=self.queue.poll,
            fed=self.queue.fed,
        )


class Worker:
    """`python -m bot worker`: phases of crews, and nothing else."""

    def __init__(self, settings: Settings, *, workers: int) -> None:
        self._core = Core(settings)
        self._pool = self._core.pool(settings, workers)
        self._workers = workers

    def start(self) -> None:
        self._pool.start()
        self._core.queue.bind(self._pool)
        log.info("worker.started", extra={"slots": self._workers})

    def stop(self) -> None:
        self._core.queue.stop()
        self._pool.stop(GRACE)
        self._core.engine.dispose()


class Application:
    """`python -m bot serve`: REST, Slack, the scheduler and the workers in one process.

    `start` answers HTTP before it builds what takes longer; `stop` takes nothing new, gives back
    what was claimed, and delivers what was committed as far as that goes within GRACE.
    """

    def __init__(self, settings: Settings, *, workers: int) -> None:
        self._settings = settings
        self._workers = workers
        self._began = time.monotonic()
        self._core = Core(settings)
        try:
            self._listening = bind(settings.host, settings.port)
        except CannotBindError as error:
            raise CannotStartError(
                f"{error}. Set HITL_BACKEND_PORT to another port, or end what uses this one."
            ) from error
        self.port: int = self._listening.getsockname()[1]
        self._slack: SlackFront | None = None
        self._pool: WorkerPool | None = None
        self._scheduler: Scheduler | None = None
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
        self._http = HttpServer(api, self._listening)

    def start(self) -> None:
        self._http.start()
        log.info(
            "serve.healthy",
            extra={
                "address": f"http://{in_a_url(self._settings.host)}:{self.port}",
                "after_s": time.monotonic() - self._began,
            },
        )
        ticks = state_ticks(self._core.state, lease=self._settings.lease)
        if self._settings.slack_mode is not None:
            outbox = Outbox(self._core.engine, self._core.clock)
            self._slack = build_slack(self._settings, self._core, outbox)
            self._core.signal.bind(self._slack.outbox_changed)
            self._slack.start()
            ticks += slack_ticks(
                deliver_due=self._slack.deliver_due, refresh_actors=self._slack.refresh_actors
            )
            ticks += (Tick("inherit", INHERIT_EVERY, lambda: inherit(outbox, self._core.signal)),)
        self._scheduler = Scheduler(ticks)
        self._scheduler.start()
        if self._workers > 0:
            self._pool = self._core.pool(self._settings, self._workers)
            self._pool.start()
            self._core.queue.bind(self._pool)
        log.info("serve.started", extra=self._summary())

    def stop(self) -> None:
        if self._scheduler is not None:
            self._scheduler.stop()
        self._http.stop()
        self._core.queue.stop()
        if self._pool is not None:
            self._pool.stop(GRACE)
        if self._slack is not None:
            self._slack.stop(GRACE)
        self._core.engine.dispose()
        log.info("serve.stopped")

    def _door(self, headers: Mapping[str, str], body: bytes) -> DoorAnswer:
        return NotYet() if self._slack is None else self._slack.door(headers, body)

    def _summary(self) -> dict[str, object]:
        return {
            "version": VERSION,
            "database": self._core.engine.url.render_as_string(hide_password=True),
            "crews": ",".join(sorted(self._core.crews)),
            "slack": self._settings.slack_mode or "off (no SLACK_BOT_TOKEN): REST only",
            "model": model_in_words(self._settings.model),
            "workers": self._workers,
        }


def open_database(settings: Settings) -> Engine:
    """The database, its schema up to date. Raises CannotStartError."""
    url = make_url(whole_url(settings.database_url.get_secret_value()))
    shown = url.render_as_string(hide_password=True)
    try:
        pool = Pool(size=settings.database_pool, overflow=settings.database_pool)
        engine = open_engine(url.render_as_string(hide_password=False), pool)
        _upgrade_when_free(engine)
    except (SQLAlchemyError, CommandError, CannotInstall, ImportError, Busy) as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise CannotStartError(f"The database {shown} cannot be used: {reason}") from error
    return engine


def queue_on(engine: Engine, settings: Settings) -> Queue:
    """What brings phase runs to workers: a broker, or a server's own jobs, or a file's rows."""
    if settings.celery_broker is not None:
        from crew_runner.queues.celery import CeleryQueue

        return CeleryQueue(settings.celery_broker.get_secret_value())
    if engine.dialect.name != "postgresql":
        return LocalDispatch()
    from crew_runner.queues.procrastinate import ProcrastinateQueue

    return ProcrastinateQueue(connection_arguments(engine))


def install_queue(connection: Connection) -> None:
    """The engine's own tables, where there are any."""
    if connection.dialect.name == "postgresql":
        from crew_runner.queues.procrastinate_schema import install

        install(connection)


def _upgrade_when_free(engine: Engine) -> None:
    """Migrate; while another process that starts at the same time does, wait for it."""
    deadline = time.monotonic() + MIGRATION_WAIT
    while True:
        try:
            upgrade(engine, install_queue)
        except Busy:
            if time.monotonic() > deadline:
                raise
        else:
            return


def inherit(outbox: Outbox, signal: LateSignal) -> None:
    """Take over at once the messages that processes of this host held when they died."""
    dead = [holder for holder in outbox.holders() if owners.is_dead(holder.partition("#")[0])]
    if dead:
        log.info("outbox.inherited", extra={"holders": len(dead), "rows": outbox.let_go(dead)})
        signal.outbox_changed()


def build_slack(settings: Settings, core: Core, outbox: Outbox) -> SlackFront:
    """Slack's side. Imported here: its libraries are not needed to answer HTTP."""
    from bot.slack.app import SlackConfig, SlackFront

    if settings.slack_bot_token is None:
        raise ValueError("no SLACK_BOT_TOKEN")
    if settings.slack_is_here:
        forget_proxies()
    secret, app_token = settings.slack_signing_secret, settings.slack_app_token
    return SlackFront(
        config=SlackConfig(
            bot_token=settings.slack_bot_token.get_secret_value(),
            signing_secret=secret.get_secret_value() if secret else "",
            app_token=app_token.get_secret_value() if app_token else None,
            api_url=settings.slack_api_url,
            default_channel=settings.default_channel,
        ),
        state=core.state,
        reads=core.reads,
        outbox=outbox,
        crews=core.crews,
        clock=core.clock,
        owner=str(owners.this_process()),
    )


def model_in_words(model: ModelSettings) -> str:
    """Which model writes, without its key."""
    choice = choose(model)
    if choice.route is Route.OFFLINE:
        return "offline drafter (no model key is set)"
    return f"{choice.model} at {choice.base_url or choice.route.value}"
