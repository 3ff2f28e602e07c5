"""Procrastinate itself: its tables, its order, and what becomes of jobs that workers leave."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, Engine, text

from bot.bootstrap import install_queue, queue_on
from crew_runner.queues import procrastinate_schema
from crew_runner.queues.local import LocalDispatch
from crew_runner.queues.port import CannotInstall, Queue
from crew_runner.queues.procrastinate import QUEUE, TASK, ProcrastinateQueue, of_workers
from storage.db.database import SystemClock, upgrade
from storage.db.engines import connection_arguments, open_engine
from storage.errors import Busy, Unreachable
from storage.ports import NoSignal
from storage.records import Action, Failure, Request
from storage.state_manager import StateManager
from storage.states import ExecutionState
from tests.crew_runner.desk import ANYBODY
from tests.crew_runner.queues.conftest import QueueDesk, Workers
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
def desk(jobs: Procrastinate, engine: Engine, tmp_path: Path) -> QueueDesk:
    return QueueDesk(url_of(engine), jobs.queue(), tmp_path)


@pytest.fixture
def workers(launchpad: PreforkServer, engine: Engine, tmp_path: Path) -> Iterator[Workers]:
    workers = Workers(launchpad, "procrastinate", url_of(engine), tmp_path)
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

    def seat(self) -> None:
        """The decision is taken in another process."""


# --- order ---------------------------------------------------------------------------------------


def test_what_follows_a_decision_goes_before_what_was_queued_earlier(
    desk: QueueDesk, workers: Workers
) -> None:
    decided = desk.start(desk.program("plan", "write", gates=("plan",)), "decided")
    workers.start()
    checkpoint = desk.checkpoint(decided)
    workers.none()
    started = [desk.start(desk.program(), f"s{number}") for number in range(3)]
    desk.decide(checkpoint, Action.CONTINUE)
    workers.start(slots=1)
    for execution in (*started, decided):
        assert desk.ended(execution).state is ExecutionState.COMPLETED, workers.logs()

    assert [line.split()[0] for line in (desk.folder / "began").read_text().splitlines()] == [
        "decided",
        "decided",
        "s0",
        "s1",
        "s2",
    ]


def test_another_try_is_not_brought_before_its_time(desk: QueueDesk, engine: Engine) -> None:
    execution = desk.start(desk.program("plan", "write", gates=("plan",)), "s")
    claim = desk.state.claim("worker")
    assert claim is not None
    desk.state.fail(claim, Failure("no luck"))
    [_, again] = desk.runs(execution)

    [told] = ask(
        engine,
        "SELECT scheduled_at FROM procrastinate_jobs WHERE scheduled_at IS NOT NULL",
    )
    assert told == (again.not_before,)


# --- waking ------------------------------------------------------------------------------------


def test_a_commit_wakes_every_worker_although_none_looks_for_its_job(
    desk: QueueDesk, engine: Engine
) -> None:
    arguments = connection_arguments(engine)
    queues = [ProcrastinateQueue(arguments, look_seconds=600) for _ in range(2)]
    pools = [Woken() for _ in queues]
    for queue, pool in zip(queues, pools, strict=True):
        queue.bind(pool)
    wait_until(lambda: listening(engine) == len(queues), within=20, what="all listen")
    desk.start(desk.program(), "s")
    wait_until(lambda: all(pool.times for pool in pools), within=20, what="all are woken")
    for queue in queues:
        queue.stop()


def test_jobs_whose_notification_was_missed_wake_a_worker_too(
    desk: QueueDesk, jobs: Procrastinate, engine: Engine
) -> None:
    desk.start(desk.program(), "s")
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


def test_what_is_enqueued_again_wakes_a_worker_without_another_job(
    desk: QueueDesk, engine: Engine, jobs: Procrastinate
) -> None:
    desk.start(desk.program(), "s")
    jobs.lose()
    queue, pool = jobs.queue(), Woken()
    queue.bind(pool)
    wait_until(lambda: listening(engine) == 1, within=20, what="it listens")
    assert pool.times == 0
    assert desk.state.recover() == 1
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


def test_without_any_tick_a_worker_itself_finds_what_the_queue_lost(
    desk: QueueDesk, workers: Workers, jobs: Procrastinate
) -> None:
    execution = desk.start(desk.program(), "lost")
    jobs.lose()
    workers.start(poll=0.5)

    assert desk.ended(execution).state is ExecutionState.COMPLETED, workers.logs()


def test_the_recovery_tick_adds_no_job_where_one_waits(
    desk: QueueDesk, jobs: Procrastinate
) -> None:
    desk.start(desk.program(), "s")
    [waiting] = jobs.waiting()
    with ThreadPoolExecutor(4) as pool:
        for ran in [pool.submit(desk.state.recover) for _ in range(8)]:
            assert ran.result() == 1

    assert jobs.waiting() == [waiting]


def test_workers_go_on_when_the_server_was_restarted(
    desk: QueueDesk, workers: Workers, server: Server
) -> None:
    workers.start()
    before = desk.start(desk.program(), "wait")
    desk.running(before, "wait")
    server.stop()  # what it had committed it keeps; a crash of one that does not flush may not
    server.start()
    (desk.folder / "go").touch()
    after = desk.start(desk.program(), "after")

    assert desk.ended(before).state is ExecutionState.COMPLETED, workers.logs()
    assert desk.ended(after).state is ExecutionState.COMPLETED, workers.logs()
    assert desk.began("wait") == ["run"]


def test_a_queue_that_begins_before_its_server_is_there_wakes_the_pool_when_it_is(
    desk: QueueDesk, engine: Engine, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    queue, pool = ProcrastinateQueue(connection_arguments(engine), patience=0.3), Woken()
    server.stop()
    queue.bind(pool)
    wait_until(lambda: "queue.away" in caplog.text, within=20, what="it has given up once")
    server.start()
    desk.start(desk.program(), "s")

    wait_until(lambda: pool.times > 0, within=20, what="the pool is woken")
    queue.stop()


def test_a_worker_that_procrastinate_took_for_dead_is_woken_again(
    desk: QueueDesk, jobs: Procrastinate, engine: Engine
) -> None:
    queue, pool = jobs.queue(), Woken()
    queue.bind(pool)
    wait_until(
        lambda: bool(ask(engine, "DELETE FROM procrastinate_workers RETURNING id")),
        within=20,
        what="it had registered",
    )
    desk.start(desk.program(), "s")

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
        raise AssertionError(f"{phase_run_id} was told to be committed")

    def seat(self) -> None:
        """No worker is in this process."""


def test_where_the_server_does_not_take_the_job_nothing_is_started(
    desk: QueueDesk, jobs: Procrastinate, engine: Engine
) -> None:
    cut = StateManager(engine, clock=SystemClock(), dispatch=Cut(jobs.queue()), signal=NoSignal())
    with pytest.raises(Unreachable):
        cut.start_execution(definition=desk.program(), request=Request("s"), requester=ANYBODY)

    assert desk.reads.executions() == ()
    assert jobs.waiting() == []


# --- what workers leave --------------------------------------------------------------------------


def test_a_job_is_deleted_and_no_thread_is_left(
    desk: QueueDesk, jobs: Procrastinate, engine: Engine
) -> None:
    desk.start(desk.program(), "s")
    queue = jobs.queue()
    queue.bind(Woken())
    wait_until(
        lambda: ask(engine, "SELECT id FROM procrastinate_jobs") == [],
        within=20,
        what="the job is deleted",
    )
    queue.stop()

    assert "procrastinate" not in {thread.name for thread in threading.enumerate()}


def test_jobs_of_workers_that_died_are_deleted_in_the_end(
    desk: QueueDesk, jobs: Procrastinate, engine: Engine
) -> None:
    desk.start(desk.program(), "s")
    ask(
        engine,
        "WITH dead AS (INSERT INTO procrastinate_workers (last_heartbeat)"
        " VALUES (now() - interval '1 minute') RETURNING id)"
        " UPDATE procrastinate_jobs SET status = 'doing', worker_id = dead.id FROM dead"
        " RETURNING dead.id",
    )
    queue = ProcrastinateQueue(connection_arguments(engine), forget_seconds=30)
    queue.bind(Woken())
    wait_until(
        lambda: ask(engine, "SELECT id FROM procrastinate_jobs") == [],
        within=20,
        what="the dead one's job is deleted",
    )
    queue.stop()


# --- tables --------------------------------------------------------------------------------------


def test_its_tables_are_made_once_by_however_many_processes(server: Server) -> None:
    url = server.database()

    def start() -> None:
        """As a process does: while another is at it, it tries again."""
        try:
            upgrade(open_engine(url), install_queue)
        except Busy:
            start()

    with ThreadPoolExecutor(4) as pool:
        for made in [pool.submit(start) for _ in range(4)]:
            made.result()
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


def test_tables_of_an_older_procrastinate_that_is_not_ours_are_refused_in_words(
    jobs: Procrastinate, engine: Engine
) -> None:
    ask(engine, "DELETE FROM countersign_procrastinate_steps RETURNING name")
    upgrade(engine, install_queue)  # complete ones are taken as they are
    ask(engine, "DELETE FROM countersign_procrastinate_steps RETURNING name")
    with engine.begin() as connection:
        connection.execute(text("DROP FUNCTION procrastinate_prune_stalled_workers_v1"))

    with pytest.raises(CannotInstall, match="procrastinate_prune_stalled_workers_v1 is not there"):
        upgrade(engine, install_queue)


# --- choice --------------------------------------------------------------------------------------


def test_the_database_url_chooses_the_engine(engine: Engine, tmp_path: Path) -> None:
    assert isinstance(queue_on(engine), ProcrastinateQueue)
    assert isinstance(queue_on(open_engine(f"sqlite:///{tmp_path / 'a.db'}")), LocalDispatch)


def test_only_what_the_rows_know_better_may_be_forgotten_by_a_crash(engine: Engine) -> None:
    with psycopg.connect(**of_workers(connection_arguments(engine))) as workers_own:
        [[jobs]] = workers_own.execute("SHOW synchronous_commit").fetchall()
    [[set_by]] = ask(engine, "SELECT source FROM pg_settings WHERE name = 'synchronous_commit'")

    assert jobs == "off"
    assert set_by != "client", "the connections of those who decide leave it as the server has it"
