"""A real database for each test, and somebody to play the worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from storage.db.tables import metadata
from storage.definitions import CrewDefinition
from storage.outbox.outbox import Outbox
from storage.reads import Reads
from storage.records import Checkpoint, Execution, PhaseOutput
from storage.state_manager import StateManager
from tests.support.factories import ANA, SettableClock, asking, crew, output
from tests.support.postgres import Server
from tests.support.schema import upgraded


class RecordingDispatch:
    """Keeps what it was told: the transport's side of the port."""

    def __init__(self) -> None:
        self.enqueued: list[str] = []
        self.told: list[str] = []
        self.how: dict[str, dict[str, object]] = {}

    def enqueue(self, connection: Connection, phase_run_id: str, **how: object) -> None:
        assert connection.in_transaction()
        self.enqueued.append(phase_run_id)
        self.how[phase_run_id] = how

    def enqueue_all(self, connection: Connection, phase_run_ids: Sequence[str]) -> None:
        for phase_run_id in phase_run_ids:
            self.enqueue(connection, phase_run_id)

    def committed(self, phase_run_id: str) -> None:
        self.told.append(phase_run_id)

    def seat(self) -> None:
        """No worker is in this process."""


class RecordingSignal:
    def __init__(self) -> None:
        self.told = 0

    def outbox_changed(self) -> None:
        self.told += 1


@pytest.fixture(scope="session")
def on_server(server: Server) -> Iterator[Engine]:
    """A database with the schema, which tests use one after another."""
    engine = upgraded(server.database())
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Engine]:
    engine = upgraded(f"sqlite:///{tmp_path / 'countersign.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def postgresql(on_server: Engine) -> Engine:
    tables = [*reversed(metadata.sorted_tables)]
    counted = [table.name for table in tables if "seq" in table.c]
    # TRUNCATE would make forty files anew; the log refuses a DELETE, except to a replica.
    emptying = [
        "SET LOCAL session_replication_role = replica",
        *(f"DELETE FROM {table.name}" for table in tables),
        *(f"ALTER SEQUENCE {name}_seq_seq RESTART" for name in counted),
    ]
    with on_server.begin() as connection:
        connection.exec_driver_sql(";".join(emptying))
    return on_server


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Every test that asks for it runs on both databases."""
    chosen: Engine = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def dispatch() -> RecordingDispatch:
    return RecordingDispatch()


@pytest.fixture
def signal() -> RecordingSignal:
    return RecordingSignal()


@pytest.fixture
def state(
    engine: Engine, clock: SettableClock, dispatch: RecordingDispatch, signal: RecordingSignal
) -> StateManager:
    return StateManager(engine, clock=clock, dispatch=dispatch, signal=signal)


@pytest.fixture
def reads(engine: Engine) -> Reads:
    return Reads(engine)


@pytest.fixture
def outbox(engine: Engine, clock: SettableClock) -> Outbox:
    return Outbox(engine, clock)


class Run:
    """An execution, driven by a test that plays the worker."""

    def __init__(self, state: StateManager, reads: Reads) -> None:
        self.state = state
        self.reads = reads
        self.id = ""

    def start(self, definition: CrewDefinition | None = None, **values: object) -> Execution:
        arguments: dict[str, object] = {
            "definition": definition or crew(),
            "request": asking(),
            "requester": ANA,
            "channel": "CCAMPAIGNS",
        } | values
        execution = self.state.start_execution(**arguments)  # type: ignore[arg-type]  # by name
        self.id = execution.id
        return execution

    def work(self, given: PhaseOutput | str = "a draft") -> Execution:
        """Run the next phase to its end."""
        claim = self.state.claim("worker")
        assert claim is not None, "no phase run was due"
        return self.state.phase_done(claim, output(given) if isinstance(given, str) else given)

    @property
    def waiting(self) -> Checkpoint:
        checkpoint = self.reads.waiting_checkpoint(self.id)
        assert checkpoint is not None, "no checkpoint is waiting"
        return checkpoint

    @property
    def now(self) -> Execution:
        return self.reads.execution(self.id)


@pytest.fixture
def run(state: StateManager, reads: Reads) -> Run:
    return Run(state, reads)
