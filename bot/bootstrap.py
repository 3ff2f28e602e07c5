"""The composition root: the only place that builds the parts and connects them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from alembic.util import CommandError
from sqlalchemy import Connection, Engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from bot import starter
from bot.doctor.shared_server import application_name
from bot.metrics.deferred import DeferredMeter
from bot.metrics.meters import Meters
from bot.settings import Settings, remove_proxies
from bot.tracing import tracer_for
from bot.version import VERSION
from bot.webhooks.encryption import cipher
from bot.webhooks.targets import check_target
from crew_runner.config.registry import CrewsFileError, load_crews, load_webhooks
from crew_runner.host import owners
from crew_runner.host.worker import WorkerPool
from crew_runner.models.environment import Route, choose
from crew_runner.queues.local import LocalDispatch
from crew_runner.queues.port import Queue, QueueInstallError
from storage.db.database import SystemClock, reading, upgrade
from storage.db.engines import Pool, connection_arguments, normalize_url, open_engine
from storage.db.schema import SchemaStatus
from storage.definitions import CrewDefinition, ModelSettings
from storage.errors import Busy, IncompatibleSchema
from storage.idempotency_keys import IdempotencyKeys
from storage.monitoring_reads import MonitoringReads
from storage.move.destination import HalfMoved, refuse_half_moved
from storage.outbox.outbox import Outbox
from storage.reads import Reads
from storage.state_manager import StateManager
from storage.token_manager import TokenManager
from storage.webhooks import NewWebhook

if TYPE_CHECKING:
    from bot.slack.app import SlackFront

log = logging.getLogger(__name__)

MIGRATION_WAIT: Final = 30.0
"""Seconds to wait for another process that migrates the database."""

_UNUSABLE: Final = (
    SQLAlchemyError,
    CommandError,
    QueueInstallError,
    ImportError,
    Busy,
    HalfMoved,
    IncompatibleSchema,
)


class CannotStartError(Exception):
    """This process cannot start; the message is for the operator.

    `bad_settings`: a variable or crews.yml must be fixed.
    """

    def __init__(self, message: str, *, bad_settings: bool = False) -> None:
        super().__init__(message)
        self.bad_settings = bad_settings


class DeferredSignal:
    """Wakes message delivery, and what follows events, once they are bound.

    Until then their polls find the rows.
    """

    def __init__(self) -> None:
        self._deliver: Callable[[], None] | None = None
        self._on_events: tuple[Callable[[], None], ...] = ()

    def bind(self, deliver: Callable[[], None]) -> None:
        self._deliver = deliver

    def on_events(self, follow: Callable[[], None]) -> None:
        self._on_events += (follow,)

    def outbox_changed(self) -> None:
        if self._deliver is not None:
            self._deliver()

    def events_committed(self) -> None:
        for follow in self._on_events:
            follow()


class Core:
    """The parts that every process has: the database, the queue and the use cases.

    `crews`: whether the process needs crews.yml. The scheduler does not, because each execution
    carries its crew's definition. `webhooks`: whether it starts executions, and so needs those that
    crews.yml names.
    """

    def __init__(
        self, settings: Settings, *, role: str, crews: bool = True, webhooks: bool = False
    ) -> None:
        self.crews = load_crews_or_refuse(settings) if crews else {}
        self.crew_webhooks = load_webhooks_or_refuse(settings) if webhooks else {}
        self.cipher = cipher(settings.fernet_keys)
        self.clock = SystemClock()
        self.engine = open_database(settings, role=role)
        self.signal = DeferredSignal()
        self.queue = queue_for(self.engine)
        gauges = MonitoringReads(self.engine, self.clock).gauges
        self.meter = DeferredMeter(gauges, version=VERSION, role=role)
        self.tracer = tracer_for(settings, role=role)
        self.state = StateManager(
            self.engine,
            clock=self.clock,
            dispatch=self.queue,
            signal=self.signal,
            meter=Meters(self.meter, self.tracer),
            lease=settings.lease,
            cipher=self.cipher,
            crew_webhooks=self.crew_webhooks,
        )
        self.reads = Reads(self.engine, self.clock)
        self.tokens = TokenManager(self.engine, clock=self.clock)
        self.idempotency_keys = IdempotencyKeys(self.engine, clock=self.clock)

    def database_answers(self) -> bool:
        try:
            with reading(self.engine) as connection:
                connection.execute(text("SELECT 1"))
        except (Busy, SQLAlchemyError):
            return False
        return True

    def pool(self, settings: Settings, slots: int) -> WorkerPool:
        return WorkerPool(
            state=self.state,
            reads=self.reads,
            model=settings.model,
            crews=self.crews,
            slots=slots,
            lease=settings.lease,
            environment=settings.crew_environment,
            withheld=settings.withheld,
            poll=self.queue.poll,
        )


def load_crews_or_refuse(settings: Settings) -> Mapping[str, CrewDefinition]:
    """The crews of crews.yml. Raises CannotStartError."""
    try:
        return load_crews(settings.crews_file)
    except CrewsFileError as error:
        advice = "" if settings.crews_file.exists() else f"\n{starter.ADVICE}"
        raise CannotStartError(f"{error}{advice}", bad_settings=True) from error


def load_webhooks_or_refuse(settings: Settings) -> Mapping[str, tuple[NewWebhook, ...]]:
    """The webhooks that crews.yml names, with their secrets. Raises CannotStartError."""
    check = partial(check_target, allowed=settings.webhook_addresses)
    try:
        return load_webhooks(settings.crews_file, settings.webhook_secrets, check)
    except CrewsFileError as error:
        raise CannotStartError(str(error), bad_settings=True) from error


def open_database(settings: Settings, *, role: str = "command") -> Engine:
    """Open the database and migrate it. Raises CannotStartError.

    `role` is part of the name that PostgreSQL shows for our connections.
    """
    url = make_url(normalize_url(settings.database_url.get_secret_value()))
    safe_url = url.render_as_string(hide_password=True)
    try:
        if url.get_backend_name() == "postgresql" and "application_name" not in url.query:
            url = url.update_query_dict({"application_name": application_name(role)})
        pool = Pool(size=settings.database_pool, overflow=settings.database_pool)
        engine = open_engine(url.render_as_string(hide_password=False), pool)
        _upgrade_when_free(engine)
    except _UNUSABLE as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise CannotStartError(f"The database {safe_url} cannot be used: {reason}") from error
    return engine


def queue_for(engine: Engine) -> Queue:
    """The queue that brings phase runs to workers: jobs on PostgreSQL, polling on SQLite."""
    if engine.dialect.name != "postgresql":
        return LocalDispatch()
    from crew_runner.queues.procrastinate import ProcrastinateQueue

    return ProcrastinateQueue(connection_arguments(engine))


def install_queue(connection: Connection) -> None:
    """Create or update the queue's own tables, if it has any."""
    if connection.dialect.name == "postgresql":
        from crew_runner.queues.procrastinate_schema import install

        install(connection)


def _prepare(connection: Connection) -> None:
    refuse_half_moved(connection)
    install_queue(connection)


def _upgrade_when_free(engine: Engine) -> None:
    """Migrate, and wait if another process that starts at the same time is migrating."""
    deadline = time.monotonic() + MIGRATION_WAIT
    while True:
        try:
            before = upgrade(engine, _prepare)
        except Busy:
            if time.monotonic() > deadline:
                raise
        else:
            if before.status is not SchemaStatus.CURRENT:
                newer = before.status is SchemaStatus.NEWER
                fields = {"found": before.revision or "none", "known": before.known}
                log.info("schema.newer" if newer else "schema.migrated", extra=fields)
            return


def build_slack(settings: Settings, core: Core, outbox: Outbox, *, address: str) -> SlackFront:
    """The Slack front end. Its libraries are imported here, so that HTTP is answered earlier.

    `address` is where this computer reaches the API.
    """
    from bot.slack.actions.board import BoardLinks
    from bot.slack.app import SlackConfig, SlackFront

    if settings.slack_bot_token is None:
        raise ValueError("no SLACK_BOT_TOKEN")
    if settings.slack_is_local:
        remove_proxies()
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
        meter=core.meter,
        board=BoardLinks(
            core.tokens, address, public=settings.public_url, loopback=settings.on_loopback
        ),
    )


def describe_model(model: ModelSettings) -> str:
    """The default model and its address, without its key."""
    choice = choose(model)
    if choice.route is Route.OFFLINE:
        return "offline drafter (no model key is set)"
    return f"{choice.model} at {choice.base_url or choice.route.value}"
