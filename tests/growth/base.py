"""One filled database, with the parts of the product that are timed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from slack_sdk import WebClient
from sqlalchemy import Engine, select

from bot.api.access import Access
from bot.api.calls import Calls
from bot.api.live.hub import Hub
from bot.api.services import ApiConfig, Services
from bot.bootstrap import install_queue
from bot.slack.actions.checkpoints import CheckpointActions
from bot.slack.actions.commands import Commands
from bot.slack.actions.lessons import Lessons
from bot.slack.actions.starts import Starts
from bot.slack.people.actors import People
from crew_runner.queues.procrastinate import ProcrastinateQueue
from storage.db.database import SystemClock, upgrade, writing
from storage.db.engines import connection_arguments, open_engine
from storage.db.tables import CHECKPOINT_IS_PENDING, checkpoints
from storage.idempotency_keys import IdempotencyKeys
from storage.outbox import rate_limits
from storage.outbox.outbox import Outbox
from storage.ports import Dispatch, NoDispatch, NoSignal
from storage.reads import Reads
from storage.state_manager import StateManager
from storage.token_manager import TokenManager
from tests.growth.lives import PLAN
from tests.growth.work import Watch

_TO_DO: Final = (
    "(state = 'queued' OR state = 'sending' OR state = 'posted' AND shown_version < version)"
)

NOWHERE: Final = "http://127.0.0.1:9/"
"""The timed operations call no method of Slack."""


def make(url: str) -> None:
    """Create the tables, and on PostgreSQL those of the queue."""
    engine = open_engine(url)
    upgrade(engine, install_queue)
    engine.dispose()


class Base:
    """Use cases, reads and front ends, built as in `bot.bootstrap`."""

    def __init__(self, engine: Engine) -> None:
        """`engine` must not have connected yet."""
        self.engine = engine
        self.watch = Watch(engine)
        self.clock = SystemClock()
        self.state = StateManager(
            engine, clock=self.clock, dispatch=_dispatch(engine), signal=NoSignal()
        )
        self.reads = Reads(engine)
        self.outbox = Outbox(engine, self.clock)
        crews = {PLAN.name: PLAN}
        self.people = People(
            WebClient(base_url=NOWHERE, retry_handlers=[]), reads=self.reads, clock=self.clock
        )
        self.rest = Calls(
            Services(
                self.state,
                self.reads,
                crews,
                ApiConfig(hosts=(), version="0"),
                Access(self.reads),
                TokenManager(engine, clock=self.clock),
                IdempotencyKeys(engine, clock=self.clock),
                Hub(self.reads),
            )
        )
        self.commands = Commands(
            reads=self.reads,
            people=self.people,
            actions=CheckpointActions(state=self.state, reads=self.reads, people=self.people),
            lessons=Lessons(state=self.state, reads=self.reads, people=self.people, crews=crews),
            starts=Starts(
                state=self.state,
                reads=self.reads,
                people=self.people,
                crews=crews,
                clock=self.clock,
            ),
            crews=crews,
            clock=self.clock,
        )

    def overdue(self) -> bool:
        with self.engine.connect() as connection:
            now = self.clock.at(connection)
            result = select(checkpoints.c.seq).where(
                CHECKPOINT_IS_PENDING, checkpoints.c.deadline <= now
            )
            return connection.execute(result.limit(1)).first() is not None

    def to_deliver(self) -> tuple[int, int]:
        """How many messages are to be posted, and how many updated."""
        with self.engine.connect() as connection:
            result = connection.exec_driver_sql(f"SELECT state FROM outbox WHERE {_TO_DO}")
            states = list(result.scalars())
        return len(states) - states.count("posted"), states.count("posted")

    def pause_slack(self, channels: Iterable[str]) -> None:
        """Set the rate limits so that nothing may be posted or updated for a minute."""
        with writing(self.engine) as connection:
            until = self.clock.at(connection) + timedelta(minutes=1)
            for key in (*channels, rate_limits.UPDATES):
                rate_limits.pause(connection, key, until=until)

    def all_delivered(self) -> None:
        """Mark all messages as delivered."""
        with writing(self.engine) as connection:
            connection.exec_driver_sql(
                "UPDATE outbox SET state = 'posted', ts = coalesce(ts, '1'),"
                " shown_version = version, lease_owner = NULL, lease_until = NULL"
                f" WHERE {_TO_DO}"
            )


def _dispatch(engine: Engine) -> Dispatch:
    if engine.dialect.name == "sqlite":
        return NoDispatch()
    return ProcrastinateQueue(connection_arguments(engine))


@contextmanager
def base_of(url: str) -> Iterator[Base]:
    base = Base(open_engine(url))
    try:
        yield base
    finally:
        base.people.close()
        base.engine.dispose()
