"""The composition root: the only place that builds the parts and hands them to one another."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from alembic.util import CommandError
from sqlalchemy import Connection, Engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from bot import starter
from bot.doctor.shared_server import application_name
from bot.settings import Settings, forget_proxies
from crew_runner.config.registry import CrewsFileError, load_crews
from crew_runner.host import owners
from crew_runner.host.worker import WorkerPool
from crew_runner.models.environment import Route, choose
from crew_runner.queues.local import LocalDispatch
from crew_runner.queues.port import CannotInstall, Queue
from storage.db.database import SystemClock, reading, upgrade
from storage.db.engines import Pool, connection_arguments, open_engine, whole_url
from storage.db.schema import SchemaStatus
from storage.definitions import CrewDefinition, ModelSettings
from storage.errors import Busy, IncompatibleSchema
from storage.move.destination import HalfMoved, refuse_half_moved
from storage.outbox.outbox import Outbox
from storage.reads import Reads
from storage.state_manager import StateManager

if TYPE_CHECKING:
    from bot.slack.app import SlackFront

log = logging.getLogger(__name__)

MIGRATION_WAIT: Final = 30.0

_UNUSABLE: Final = (
    SQLAlchemyError,
    CommandError,
    CannotInstall,
    ImportError,
    Busy,
    HalfMoved,
    IncompatibleSchema,
)


class CannotStartError(Exception):
    """Why this process cannot start, in words. `of_settings`: a file or variable is to mend."""

    def __init__(self, words: str, *, of_settings: bool = False) -> None:
        super().__init__(words)
        self.of_settings = of_settings


class DeferredSignal:
    """Tells the deliverer, once there is one. Before that its tick finds the rows."""

    def __init__(self) -> None:
        self._wake: Callable[[], None] | None = None

    def bind(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def outbox_changed(self) -> None:
        if self._wake is not None:
            self._wake()


class Core:
    """The parts that every process has: the database, the use cases, and the crews if it needs
    them: an execution's rules are its own."""

    def __init__(self, settings: Settings, *, role: str, crews: bool = True) -> None:
        self.crews = crews_of(settings) if crews else {}
        self.clock = SystemClock()
        self.engine = open_database(settings, role=role)
        self.signal = DeferredSignal()
        self.queue = queue_on(self.engine)
        self.state = StateManager(
            self.engine,
            clock=self.clock,
            dispatch=self.queue,
            signal=self.signal,
            lease=settings.lease,
        )
        self.reads = Reads(self.engine, self.clock)

    def answers(self) -> bool:
        """Whether the database does."""
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
            poll=self.queue.poll,
        )


def crews_of(settings: Settings) -> Mapping[str, CrewDefinition]:
    """Raises CannotStartError."""
    try:
        return load_crews(settings.crews_file)
    except CrewsFileError as error:
        advice = "" if settings.crews_file.exists() else f"\n{starter.ADVICE}"
        raise CannotStartError(f"{error}{advice}", of_settings=True) from error


def open_database(settings: Settings, *, role: str = "command") -> Engine:
    """The database, its schema up to date; a server is told who connects.

    Raises CannotStartError.
    """
    url = make_url(whole_url(settings.database_url.get_secret_value()))
    shown = url.render_as_string(hide_password=True)
    try:
        if url.get_backend_name() == "postgresql" and "application_name" not in url.query:
            url = url.update_query_dict({"application_name": application_name(role)})
        pool = Pool(size=settings.database_pool, overflow=settings.database_pool)
        engine = open_engine(url.render_as_string(hide_password=False), pool)
        _upgrade_when_free(engine)
    except _UNUSABLE as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise CannotStartError(f"The database {shown} cannot be used: {reason}") from error
    return engine


def queue_on(engine: Engine) -> Queue:
    """What brings phase runs to workers: jobs on a server, or the rows of a file."""
    if engine.dialect.name != "postgresql":
        return LocalDispatch()
    from crew_runner.queues.procrastinate import ProcrastinateQueue

    return ProcrastinateQueue(connection_arguments(engine))


def install_queue(connection: Connection) -> None:
    """The engine's own tables, where there are any."""
    if connection.dialect.name == "postgresql":
        from crew_runner.queues.procrastinate_schema import install

        install(connection)


def _whole_and_ready(connection: Connection) -> None:
    refuse_half_moved(connection)
    install_queue(connection)


def _upgrade_when_free(engine: Engine) -> None:
    """Migrate; while another process that starts at the same time does, wait for it."""
    deadline = time.monotonic() + MIGRATION_WAIT
    while True:
        try:
            found = upgrade(engine, _whole_and_ready)
        except Busy:
            if time.monotonic() > deadline:
                raise
        else:
            if found.standing is not SchemaStatus.CURRENT:
                newer = found.standing is SchemaStatus.NEWER
                facts = {"found": found.revision or "none", "known": found.known}
                log.info("schema.newer" if newer else "schema.migrated", extra=facts)
            return


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
