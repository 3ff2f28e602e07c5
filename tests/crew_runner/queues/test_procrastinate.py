"""Procrastinate itself: its tables, its order, and the jobs that workers leave behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, Engine, text

from bot.bootstrap import install_queue, queue_for
from crew_runner.queues import procrastinate_schema
from crew_runner.queues.local import LocalDispatch
from crew_runner.queues.port import Queue, QueueInstallError
from crew_runner.queues.procrastinate import QUEUE, TASK, ProcrastinateQueue, worker_arguments
from storage.db.database import SystemClock, upgrade
from storage.db.engines import connection_arguments, open_engine
from storage.errors import Busy, Unreachable
from storage.ports import NoSignal
from storage.records import Action, Failure, Request
from storage.state_manager import StateManager
from storage.states import ExecutionState
from tests.crew_runner.harness import ANYBODY
from tests.crew_runner.queues.conftest import QueueHarness, Workers
from tests.crew_runner.queues.transports import Procrastinate
from tests.support.postgres import Server
from tests.support.prefork_server import PreforkServer
from tests.support.processes import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def engine(server: Server) -> Iterator[Engine]:
    engine = open_engine(server.database())
    yield engine
    engine.dispose()


@pytest.fixture
def jobs(engine: Engine) -> Procrastinate:
    upgrade(engine, install_queue)
    return Procrastinate(engine)


@pytest.fixture
def harness(jobs: Procrastinate, engine: Engine, tmp_path: Path) -> QueueHarness:
    return QueueHarness(url_of(engine), jobs.queue(), tmp_path)


@pytest.fixture
def workers(prefork_server: PreforkServer, engine: Engine, tmp_path: Path) -> Iterator[Workers]:
    workers = Workers(prefork_server, "procrastinate", url_of(engine), tmp_path)
    yield workers
    workers.none()


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def ask(engine: Engine, question: str) -> list[tuple[object, ...]]:
    with engine.begin() as connection:
        return [tuple(row) for row in connection.execute(text(question))]


class Woken:
    """A pool that counts how often it was woken."""

    def __init__(self) -> None:
        self.times = 0

    def wake(self) -> None:
        self.times += 1

    def reserve_slot(self) -> None:
        """The decision is made in another process."""


# --- order ---------------------------------------------------------------------------------------


def test_a_phase_after_a_decision_runs_before_phases_queued_earlier(
    harness: QueueHarness, workers: Workers
) -> None:
    decided = harness.start(harness.program("plan", "write", gates=("plan",)), "decided")
    workers.start()
    checkpoint = harness.checkpoint(decided)
    workers.none()
    started = [harness.start(harness.program(), f"s{number}") for number in range(3)]
    harness.decide(checkpoint, Action.CONTINUE)
    workers.start(slots=1)
    for execution in (*started, decided):
        assert harness.ended(execution).state is ExecutionState.COMPLETED, workers.logs()

    assert [line.split()[0] for line in (harness.folder / "started").read_text().splitlines()] == [
        "decided",
        "decided",
        "s0",
        "s1",
        "s2",
    ]


def test_a_retry_is_not_delivered_before_its_time(harness: QueueHarness, engine: Engine) -> None:
    execution = harness.start(harness.program("plan", "write", gates=("plan",)), "s")
    claim = harness.state.claim("worker")
    assert claim is not None
    harness.state.fail(claim, Failure("no luck"))
    [_, again] = harness.runs(execution)

    [scheduled] = ask(
        engine,
        "SELECT scheduled_at FROM procrastinate_jobs WHERE scheduled_at IS NOT NULL",
    )
    assert scheduled == (again.not_before,)


# --- waking ------------------------------------------------------------------------------------


def test_a_commit_wakes_every_worker_although_none_polls_for_jobs(
    harness: QueueHarness, engine: Engine
) -> None:
    arguments = connection_arguments(engine)
    queues = [ProcrastinateQueue(arguments, poll_seconds=600) for _ in range(2)]
    pools = [Woken() for _ in queues]
    for queue, pool in zip(queues, pools, strict=True):
        queue.bind(pool)
    wait_until(lambda: listening(engine) == len(queues), within=20, what="all listen")
    harness.start(harness.program(), "s")
    wait_until(lambda: all(pool.times for pool in pools), within=20, what="all are woken")
    for queue in queues:
        queue.stop()


def test_jobs_whose_notification_was_missed_wake_a_worker_too(
    harness: QueueHarness, jobs: Procrastinate, engine: Engine
) -> None:
    harness.start(harness.program(), "s")
    queue, pool = jobs.queue(), Woken()
    queue.bind(pool)
    wait_until(lambda: pool.times == 1, within=20, what="the pool is woken")
    wait_until(lambda: listening(engine) == 1, within=20, what="it listens")
    ask(
        engine,
        "INSERT INTO procrastinate_jobs (queue_name, task_name, scheduled_at)"
        f" VALUES ('{QUEUE}', '{TASK}', now() + interval '1 second') RETURNING id",
    )
    wait_until(lambda: jobs.waiting() == [], within=20, what="the job that was put off is done")
    wait_until(lambda: pool.times == 3, within=20, what="it was notified of and came due")
    queue.stop()


def test_enqueueing_again_wakes_a_worker_without_another_job(
    harness: QueueHarness, engine: Engine, jobs: Procrastinate
) -> None:
    harness.start(harness.program(), "s")
    jobs.lose()
    queue, pool = jobs.queue(), Woken()
    queue.bind(pool)
    wait_until(lambda: listening(engine) == 1, within=20, what="it listens")
    assert pool.times == 0
    assert harness.state.recover() == 1
    wait_until(lambda: pool.times > 0, within=20, what="the pool is woken")
    queue.stop()

    assert ask(engine, "SELECT id FROM procrastinate_jobs") == []


def listening(engine: Engine) -> int:
    """How many connections listen for jobs."""
    count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    [[number]] = ask(engine, f"{count} AND query ILIKE 'LISTEN%'")
    assert isinstance(number, int)
    return number


# --- losses --------------------------------------------------------------------------------------


def test_without_any_tick_a_worker_finds_what_the_queue_lost(
    harness: QueueHarness, workers: Workers, jobs: Procrastinate
) -> None:
    execution = harness.start(harness.program(), "lost")
    jobs.lose()
    workers.start(poll=0.5)

    assert harness.ended(execution).state is ExecutionState.COMPLETED, workers.logs()


def test_the_recovery_tick_adds_no_job_if_one_waits(
    harness: QueueHarness, jobs: Procrastinate
) -> None:
    harness.start(harness.program(), "s")
    [waiting] = jobs.waiting()
    with ThreadPoolExecutor(4) as pool:
        for recovery in [pool.submit(harness.state.recover) for _ in range(8)]:
            assert recovery.result() == 1

    assert jobs.waiting() == [waiting]


def test_workers_continue_after_the_server_was_restarted(
    harness: QueueHarness, workers: Workers, server: Server
) -> None:
    workers.start()
    before = harness.start(harness.program(), "wait")
    harness.running(before, "wait")
    server.stop()  # a clean stop keeps all commits; a crash without fsync might not
    server.start()
    (harness.folder / "go").touch()
    after = harness.start(harness.program(), "after")

    assert harness.ended(before).state is ExecutionState.COMPLETED, workers.logs()
    assert harness.ended(after).state is ExecutionState.COMPLETED, workers.logs()
    assert harness.phases_started("wait") == ["run"]


def test_a_queue_that_starts_before_its_server_wakes_the_pool_once_it_is_up(
    harness: QueueHarness, engine: Engine, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    queue, pool = ProcrastinateQueue(connection_arguments(engine), connect_seconds=0.3), Woken()
    server.stop()
    queue.bind(pool)
    wait_until(lambda: "queue.away" in caplog.text, within=20, what="it has given up once")
    server.start()
    harness.start(harness.program(), "s")

    wait_until(lambda: pool.times > 0, within=20, what="the pool is woken")
    queue.stop()


def test_a_worker_that_procrastinate_considered_dead_is_woken_again(
    harness: QueueHarness, jobs: Procrastinate, engine: Engine
) -> None:
    queue, pool = jobs.queue(), Woken()
    queue.bind(pool)
    wait_until(
        lambda: bool(ask(engine, "DELETE FROM procrastinate_workers RETURNING id")),
        within=20,
        what="it had registered",
    )
    harness.start(harness.program(), "s")

    wait_until(lambda: pool.times > 0, within=20, what="the pool is woken")
    queue.stop()


class Cut:
    """A Dispatch whose connection breaks before the job is written."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def enqueue(self, connection: Connection, phase_run_id: str, /, **_how: object) -> None:
        mine = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        ask(connection.engine, f"SELECT pg_terminate_backend({mine}, 5000)")
        self._queue.enqueue(connection, phase_run_id)

    def enqueue_all(self, connection: Connection, phase_run_ids: Sequence[str], /) -> None:
        for phase_run_id in phase_run_ids:
            self.enqueue(connection, phase_run_id)

    def committed(self, phase_run_id: str) -> None:
        raise AssertionError(f"{phase_run_id} was reported as committed")

    def reserve_slot(self) -> None:
        """There is no worker in this process."""


def test_if_the_server_does_not_accept_the_job_nothing_is_started(
    harness: QueueHarness, jobs: Procrastinate, engine: Engine
) -> None:
    cut = StateManager(engine, clock=SystemClock(), dispatch=Cut(jobs.queue()), signal=NoSignal())
    with pytest.raises(Unreachable):
        cut.start_execution(definition=harness.program(), request=Request("s"), requester=ANYBODY)

    assert harness.reads.executions() == ()
    assert jobs.waiting() == []


# --- jobs left behind ----------------------------------------------------------------------------


def test_a_job_is_deleted_and_no_thread_is_left(
    harness: QueueHarness, jobs: Procrastinate, engine: Engine
) -> None:
    harness.start(harness.program(), "s")
    queue = jobs.queue()
    queue.bind(Woken())
    wait_until(
        lambda: ask(engine, "SELECT id FROM procrastinate_jobs") == [],
        within=20,
        what="the job is deleted",
    )
    queue.stop()

    assert "procrastinate" not in {thread.name for thread in threading.enumerate()}


def test_jobs_of_dead_workers_are_eventually_deleted(
    harness: QueueHarness, jobs: Procrastinate, engine: Engine
) -> None:
    harness.start(harness.program(), "s")
    ask(
        engine,
        "WITH dead AS (INSERT INTO procrastinate_workers (last_heartbeat)"
        " VALUES (now() - interval '1 minute') RETURNING id)"
        " UPDATE procrastinate_jobs SET status = 'doing', worker_id = dead.id FROM dead"
        " RETURNING dead.id",
    )
    queue = ProcrastinateQueue(connection_arguments(engine), orphan_seconds=30)
    queue.bind(Woken())
    wait_until(
        lambda: ask(engine, "SELECT id FROM procrastinate_jobs") == [],
        within=20,
        what="the dead one's job is deleted",
    )
    queue.stop()


# --- tables --------------------------------------------------------------------------------------


def test_its_tables_are_created_once_by_any_number_of_processes(server: Server) -> None:
    url = server.database()

    def start() -> None:
        """Retry while another process upgrades, as a bot does."""
        try:
            upgrade(open_engine(url), install_queue)
        except Busy:
            start()

    with ThreadPoolExecutor(4) as pool:
        for upgrade_result in [pool.submit(start) for _ in range(4)]:
            upgrade_result.result()
    shipped = {step.name for step in procrastinate_schema.steps()}

    recorded = ask(open_engine(url), "SELECT name FROM countersign_procrastinate_steps")
    assert {name for (name,) in recorded} == shipped


def test_a_newer_version_brings_only_its_own_steps(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade(engine, install_queue)
    for step in procrastinate_schema.steps():
        (tmp_path / step.name).write_text(step.read_text())
    newest = "ALTER TABLE procrastinate_jobs ADD COLUMN colour text DEFAULT '100%'"
    (tmp_path / "99.00.00_01_pre_colour.sql").write_text(newest)
    monkeypatch.setattr(SchemaManager, "get_migrations_path", lambda: str(tmp_path))
    upgrade(engine, install_queue)
    upgrade(engine, install_queue)

    assert ask(engine, "SELECT colour FROM procrastinate_jobs") == []


def test_tables_of_an_older_procrastinate_that_we_did_not_create_are_refused(
    jobs: Procrastinate, engine: Engine
) -> None:
    ask(engine, "DELETE FROM countersign_procrastinate_steps RETURNING name")
    upgrade(engine, install_queue)  # complete tables are accepted as they are
    ask(engine, "DELETE FROM countersign_procrastinate_steps RETURNING name")
    with engine.begin() as connection:
        connection.execute(text("DROP FUNCTION procrastinate_prune_stalled_workers_v1"))

    with pytest.raises(QueueInstallError, match="lacks: procrastinate_prune_stalled_workers_v1"):
        upgrade(engine, install_queue)


# --- choice --------------------------------------------------------------------------------------


def test_the_database_url_chooses_the_engine(engine: Engine, tmp_path: Path) -> None:
    assert isinstance(queue_for(engine), ProcrastinateQueue)
    assert isinstance(queue_for(open_engine(f"sqlite:///{tmp_path / 'a.db'}")), LocalDispatch)


def test_a_crash_may_only_lose_what_the_rows_also_hold(engine: Engine) -> None:
    with psycopg.connect(**worker_arguments(connection_arguments(engine))) as workers_own:
        [[jobs]] = workers_own.execute("SHOW synchronous_commit").fetchall()
    [[set_by]] = ask(engine, "SELECT source FROM pg_settings WHERE name = 'synchronous_commit'")

    assert jobs == "off"
    assert set_by != "client", "the connections of those who decide leave it as the server has it"
