"""A real database for each test, and a driver that plays the worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

import storage.db.tables  # noqa: F401  # fills it
from storage.db.metadata import metadata
from storage.definitions import CrewDefinition
from storage.outbox.outbox import Outbox
from storage.reads import Reads
from storage.records import Checkpoint, Execution, PhaseOutput
from storage.state_manager import StateManager
from tests.support.factories import ANA, SettableClock, asking, crew, output
from tests.support.postgres import Server
from tests.support.schema import upgraded


class RecordingDispatch:
    """Records the calls of the dispatch port."""

    def __init__(self) -> None:
        self.enqueued: list[str] = []
        self.woken: list[str] = []
        self.options: dict[str, dict[str, object]] = {}

    def enqueue(self, connection: Connection, phase_run_id: str, **options: object) -> None:
        assert connection.in_transaction()
        self.enqueued.append(phase_run_id)
        self.options[phase_run_id] = options

    def enqueue_all(self, connection: Connection, phase_run_ids: Sequence[str]) -> None:
        for phase_run_id in phase_run_ids:
            self.enqueue(connection, phase_run_id)

    def committed(self, phase_run_id: str) -> None:
        self.woken.append(phase_run_id)

    def reserve_slot(self) -> None:
        """This process has no workers."""


class RecordingSignal:
    def __init__(self) -> None:
        self.calls = 0

    def events_committed(self) -> None:
        pass

    def outbox_changed(self) -> None:
        self.calls += 1


@pytest.fixture(scope="session")
def on_server(server: Server) -> Iterator[Engine]:
    """A database with the schema, which the tests share one after another."""
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
    sequences = [table.name for table in tables if "seq" in table.c]
    # TRUNCATE would recreate forty files; the audit log refuses a DELETE except on a replica.
    statements = [
        "SET LOCAL session_replication_role = replica",
        *(f"DELETE FROM {table.name}" for table in tables),
        *(f"ALTER SEQUENCE {name}_seq_seq RESTART" for name in sequences),
    ]
    with on_server.begin() as connection:
        connection.exec_driver_sql(";".join(statements))
    return on_server


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Tests with this fixture run on both databases."""
    engine: Engine = request.getfixturevalue(request.param)
    return engine


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
    """Drives an execution; the test plays the worker."""

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

    def work(self, result: PhaseOutput | str = "a draft") -> Execution:
        """Run the next phase to its end."""
        claim = self.state.claim("worker")
        assert claim is not None, "no phase run was due"
        return self.state.phase_done(claim, output(result) if isinstance(result, str) else result)

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
