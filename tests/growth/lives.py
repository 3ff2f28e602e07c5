"""Executions that really went through the use cases, and their rows.

A database is filled with copies of these rows, so that its columns contain what the product writes.
Copies differ in three things: ids, which start with MARK here; Slack's timestamps, which start with
EPOCH; and times, which are shifted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from tempfile import TemporaryDirectory
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import Engine, event

from storage.db.database import upgrade
from storage.db.engines import open_engine
from storage.decisions import Decision, Reply
from storage.definitions import CrewDefinition, OnTimeout
from storage.messages import OutboxRow
from storage.outbox.outbox import Outbox
from storage.ports import NoDispatch, NoSignal
from storage.reads import Reads
from storage.records import Action, Execution, Failure
from storage.state_manager import StateManager
from storage.states import ExecutionState
from tests.support.factories import ANA, BEN, NOON, SettableClock, asking, crew, output, rule

TABLES: Final = ("executions", "phase_runs", "checkpoints", "outbox", "inbox", "audit")
"""The tables that grow with every execution, in an order that foreign keys allow."""

MARK: Final = "@@@@@@@@-@@@@"
EPOCH: Final = "1700000000"
CHANNEL: Final = "CGROWTH"

TIMEOUT: Final = timedelta(days=30)
PLAN: Final = crew(
    phases=("planning", "strategy"), after=("planning",), decided_by=rule(timeout=TIMEOUT)
)
LENIENT: Final = crew(
    phases=("planning", "strategy"),
    after=("planning",),
    decided_by=rule(timeout=TIMEOUT, on_timeout=OnTimeout.CONTINUE),
)
USED: Final = {"gpt-4o-mini": {"calls": 1, "prompt_tokens": 900, "completion_tokens": 400}}
DRAFT: Final = "A paragraph of a draft, as a reviewer would read it on a phone. " * 4

BEGAN: Final = NOON
"""When every life starts."""

_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")

Stored = Mapping[str, Any]


@dataclass(frozen=True)
class Life:
    """The rows of one execution by table, as they are stored. `ends`: its state."""

    name: str
    rows: Mapping[str, tuple[Stored, ...]]
    ends: ExecutionState
    weight: float
    deadline: datetime | None


class Leading:
    """Acts as the people, a worker and the deliverer of one execution."""

    def __init__(self, engine: Engine) -> None:
        self.clock = SettableClock()
        self.state = StateManager(
            engine, clock=self.clock, dispatch=NoDispatch(), signal=NoSignal()
        )
        self.reads = Reads(engine)
        self.outbox = Outbox(engine, self.clock)
        self.id = ""
        self._posts = 0

    def start(self, definition: CrewDefinition) -> None:
        self.id = self.state.start_execution(
            definition=definition,
            request=asking(),
            requester=ANA,
            channel=CHANNEL,
            delivery=f"{EPOCH}.{uuid4()}",
        ).id
        self._deliver()

    def work(self) -> Execution:
        claim = self.state.claim("host/1/1.00#0")
        assert claim is not None, "no phase run was due"
        self.clock.move(timedelta(seconds=40))
        tasks = [f"{claim.run.phase}_task"]
        done = self.state.phase_done(claim, output(DRAFT, tasks=tasks), usage=USED)
        self._deliver()
        return done

    def fail(self) -> None:
        claim = self.state.claim("host/1/1.00#0")
        assert claim is not None, "no phase run was due"
        self.state.fail(claim, Failure("the model gave no answer", retryable=False))
        self._deliver()

    def decide(self, action: Action, text: str = "") -> None:
        self.clock.move(timedelta(minutes=9))
        waiting = self.reads.waiting_checkpoint(self.id)
        assert waiting is not None, "no checkpoint is waiting"
        self.state.decide(Decision(waiting.id, action, BEN, text, delivery=f"{EPOCH}.{uuid4()}"))
        self._deliver()

    def talk(self) -> None:
        thread = self.reads.execution(self.id).thread_ts
        assert thread is not None
        self.state.reply(Reply(CHANNEL, thread, f"{EPOCH}.777777", "looks good", BEN, False))

    def wait(self, share: float) -> None:
        """Let a share of the deadline pass."""
        self.clock.move(TIMEOUT * share)
        self.state.remind_due()
        self._deliver()

    def cancel(self) -> None:
        self.state.cancel(self.id, actor=ANA)
        self._deliver()

    def expire(self) -> None:
        self.clock.move(TIMEOUT)
        assert self.state.expire_due() == 1
        self._deliver()

    def _deliver(self) -> None:
        while rows := self.outbox.take(owner="host/1/1.00#0"):
            for row in rows:
                self.outbox.shown(self._post(row) if row.ts is None else row, row.version)

    def _post(self, row: OutboxRow) -> OutboxRow:
        self._posts += 1
        return self.outbox.posted(
            self.outbox.sending(row),
            channel=row.channel,
            ts=f"{EPOCH}.{self._posts:06d}",
            shown=row.version,
        )


def _completed(led: Leading) -> None:
    led.work()
    led.talk()
    led.decide(Action.CONTINUE)
    led.work()


def _revised(led: Leading) -> None:
    led.work()
    led.decide(Action.REVISE, "name the prices")
    led.work()
    led.decide(Action.CONTINUE)
    led.work()


def _stopped(led: Leading) -> None:
    led.work()
    led.decide(Action.STOP)


def _cancelled(led: Leading) -> None:
    led.work()
    led.cancel()


def _expired(led: Leading) -> None:
    _reminded(led)
    led.expire()


def _reminded(led: Leading) -> None:
    """Waits near its deadline, after both reminders."""
    led.work()
    led.wait(0.51)
    led.wait(0.48999)


WAITING: Final = "waiting"
DUE: Final = "due"
GOES_ON: Final = "due, and goes on"

_LIVES: Final[Mapping[str, tuple[float, Callable[[Leading], object]]]] = {
    "completed": (60, _completed),
    "revised": (20, _revised),
    "stopped": (8, _stopped),
    "cancelled": (5, _cancelled),
    "expired": (5, _expired),
    "failed": (2, lambda led: led.fail()),
    DUE: (0, _reminded),
    GOES_ON: (0, _reminded),
    WAITING: (0, lambda led: led.work()),
}
"""The percentage of each among those that ended, and the function that produces it."""


def lives() -> tuple[Life, ...]:
    """Produce each life on one database, one after the other."""
    with TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'lives.db'}")
        event.listen(engine, "connect", _need_not_last)
        upgrade(engine)
        try:
            return tuple(_live(engine, name, *how) for name, how in _LIVES.items())
        finally:
            engine.dispose()


def _need_not_last(connection: SqliteConnection, _record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")


def _live(engine: Engine, name: str, weight: float, lead: Callable[[Leading], object]) -> Life:
    led = Leading(engine)
    led.start(LENIENT if name == GOES_ON else PLAN)
    lead(led)
    execution = led.reads.execution(led.id)
    checkpoint = led.reads.waiting_checkpoint(led.id)
    return Life(
        name=name,
        rows=_rows(engine, led.id),
        ends=execution.state,
        weight=weight,
        deadline=None if checkpoint is None else checkpoint.deadline,
    )


def _rows(engine: Engine, execution_id: str) -> dict[str, tuple[Stored, ...]]:
    rows_by_table: dict[str, list[dict[str, Any]]] = {}
    with engine.connect() as connection:
        for table in TABLES:
            of = "id" if table == "executions" else "execution_id"
            query = f"SELECT * FROM {table} WHERE {of} = ? ORDER BY rowid"
            rows = connection.exec_driver_sql(query, (execution_id,)).mappings()
            rows_by_table[table] = [dict(row) for row in rows]
    ids = {id_: f"{MARK}-4000-8000-{n:012d}" for n, id_ in enumerate(_ids_of(rows_by_table))}
    return {
        table: tuple({name: _marked(value, ids) for name, value in row.items()} for row in rows)
        for table, rows in rows_by_table.items()
    }


def _ids_of(rows_by_table: Mapping[str, list[dict[str, Any]]]) -> list[str]:
    texts = (
        str(value) for rows in rows_by_table.values() for row in rows for value in row.values()
    )
    return list(dict.fromkeys(id_ for text in texts for id_ in _ID.findall(text)))


def _marked(value: object, ids: Mapping[str, str]) -> object:
    return _ID.sub(lambda match: ids[match[0]], value) if isinstance(value, str) else value
