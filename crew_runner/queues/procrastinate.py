"""Procrastinate: jobs in PostgreSQL, committed with what queues them, brought by its NOTIFY.

A job carries the id of a phase run and is deleted when the phase is over. What Procrastinate
thinks of a job decides nothing: a repeated, late or orphaned one finds nothing to claim, and a
lost one is enqueued again by the recovery tick.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol

import psycopg
from procrastinate import App, PsycopgConnector, RetryStrategy, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job, Status
from psycopg_pool import AsyncConnectionPool

from crew_runner.host.outage import BACKOFF
from crew_runner.queues.port import Pool
from storage.errors import Unreachable
from storage.ports import Seat

log = logging.getLogger(__name__)

TASK: Final = "countersign.run_phase"
QUEUE: Final = "countersign"

URGENT: Final = 10
"""Of a phase that somebody has just decided on, and waits for; the others have 0."""

LOOK_SECONDS: Final = 1.0
"""How often jobs are looked for beside being notified of them: a notification that comes while
one looks is missed, and none comes for a job that was put off."""

FORGET_SECONDS: Final = 3600.0
"""A worker that was silent for so long is gone, and what it left in the queue is deleted."""

STOP_SECONDS: Final = 3.0

PATIENCE_SECONDS: Final = 3.0
"""How long a connection is waited for, before the worker's side is begun anew."""

_LASTED: Final = 60.0
_CONNECTIONS: Final = 4


class _Pooled(Protocol):
    @property
    def driver_connection(self) -> Any: ...


class Session(Protocol):
    """What this file needs of SQLAlchemy's connection: psycopg's own below it."""

    @property
    def connection(self) -> _Pooled: ...


class NotBegun(Exception):
    """The worker stops before the phase's turn came: the job goes back to the queue."""


class ProcrastinateQueue:
    """`connect`: psycopg's arguments for connections of the workers' side, which are its own."""

    poll: Final = 5.0
    fed: Final = True

    def __init__(
        self,
        connect: Mapping[str, Any],
        *,
        forget_seconds: float = FORGET_SECONDS,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._connect = dict(connect)
        self._forget_seconds = forget_seconds
        self._patience = patience
        # They speak of jobs and of every try to connect; we speak of phases and of outages.
        logging.getLogger("procrastinate").setLevel(logging.WARNING)
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
        self._jobs = App(connector=SyncPsycopgConnector())  # never opened: it borrows connections
        self._stopping = threading.Event()
        self._tell: Callable[[], object] | None = None
        self._thread: threading.Thread | None = None
        self._pool: Pool | None = None

    # --- storage's side ---------------------------------------------------------------------

    def enqueue(
        self,
        connection: Session,
        phase_run_id: str,
        /,
        *,
        urgent: bool = False,
        not_before: datetime | None = None,
        again: bool = False,
    ) -> None:
        """The job is there if the transaction commits, and not at all if it does not.

        Raises Unreachable.
        """
        driver = driver_of(connection)
        job = self._job(phase_run_id, URGENT if urgent else 0, schedule_at=not_before)
        with _taken():
            if not again:
                self._defer(driver, [job])
            elif not _waits(driver, phase_run_id):
                with suppress(AlreadyEnqueued), driver.transaction():
                    self._defer(driver, [job])

    def enqueue_all(self, connection: Session, phase_run_ids: Sequence[str], /) -> None:
        """In one statement. Raises Unreachable."""
        with _taken():
            self._defer(driver_of(connection), [self._job(each) for each in phase_run_ids])

    def _job(self, phase_run_id: str, priority: int = 0, **when: Any) -> Job:
        task = self._jobs.configure_task(
            TASK, queue=QUEUE, priority=priority, queueing_lock=phase_run_id, **when
        )
        return task.make_new_job(phase_run_id=phase_run_id)

    def _defer(self, driver: psycopg.Connection[Any], jobs: list[Job]) -> None:
        self._jobs.job_manager.batch_defer_jobs(jobs, connection=driver)

    def committed(self, phase_run_id: str) -> None:
        """The commit itself has notified the workers."""

    def seat(self) -> Seat | None:
        return None if (pool := self._pool) is None else pool.seat()

    # --- the workers' side ------------------------------------------------------------------

    def bind(self, pool: Pool) -> None:
        self._pool = pool
        self._thread = threading.Thread(
            target=self._serve, args=(pool,), name="procrastinate", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        self._pool = None
        self._stopping.set()
        if (tell := self._tell) is not None:
            with suppress(RuntimeError):  # its loop has ended by itself
                tell()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _serve(self, pool: Pool) -> None:
        """Keep a Procrastinate worker running: it ends when the database goes away."""
        failures = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                asyncio.run(self._consume(pool))
            except (ConnectorException, psycopg.Error, OSError) as error:
                log.warning("queue.away", extra={"why": type(error.__cause__ or error).__name__})
            except Exception:  # the edge of the worker: without it the pool would be fed no more
                log.exception("queue.broke")
            if time.monotonic() - began > _LASTED:
                failures = 0
            failures += 1
            self._stopping.wait(BACKOFF.after(failures))

    async def _consume(self, pool: Pool) -> None:
        """Until told to stop, or Procrastinate's worker ends."""
        told = asyncio.Event()
        self._tell = partial(asyncio.get_running_loop().call_soon_threadsafe, told.set)
        if self._stopping.is_set():
            return
        app = self._app(pool)
        async with self._connections() as connections, app.open_async(connections):
            await connections.wait(self._patience)
            parts = (
                app.run_worker_async(
                    queues=[QUEUE],
                    concurrency=pool.slots,
                    fetch_job_polling_interval=LOOK_SECONDS,
                    shutdown_graceful_timeout=0.0,  # the pool knows how long phases may take
                    delete_jobs="always",
                    install_signal_handlers=False,
                    stalled_worker_timeout=self._forget_seconds,
                ),
                self._forget_orphans(app),
                told.wait(),
            )
            tasks = [asyncio.ensure_future(part) for part in parts]
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for task in ended:
                task.result()

    def _connections(self) -> AsyncConnectionPool:
        return AsyncConnectionPool(
            kwargs=of_workers(self._connect),
            min_size=1,
            max_size=_CONNECTIONS,
            timeout=self._patience,
            check=AsyncConnectionPool.check_connection,
            open=False,
        )

    def _app(self, pool: Pool) -> App:
        app = App(connector=PsycopgConnector())

        @app.task(name=TASK, queue=QUEUE, retry=RetryStrategy(retry_exceptions={NotBegun}))
        async def run_phase(phase_run_id: str) -> None:
            running = pool.run(phase_run_id)
            try:
                await asyncio.wrap_future(running)
            except asyncio.CancelledError:
                if running.cancelled():
                    raise NotBegun(phase_run_id) from None
                raise

        return app

    async def _forget_orphans(self, app: App) -> None:
        """Delete what workers that died have left as being done. The rows know of the work."""
        while True:
            orphans = await app.job_manager.get_stalled_jobs(
                queue=QUEUE, seconds_since_heartbeat=self._forget_seconds
            )
            for orphan in orphans:
                await app.job_manager.finish_job(orphan, Status.FAILED, delete_job=True)
            await asyncio.sleep(self._forget_seconds)


@contextmanager
def _taken() -> Iterator[None]:
    """Within, jobs are given to the database. Raises Unreachable."""
    try:
        yield
    except ConnectorException as error:
        if not isinstance(error.__cause__, psycopg.OperationalError):
            raise
        raise Unreachable("the database does not take the job") from error


def of_workers(connect: Mapping[str, Any]) -> dict[str, Any]:
    """On these connections jobs are only fetched and deleted, which nobody waits to see flushed.

    A server that crashes may forget the last of that: such a job comes again, and finds nothing to
    claim. Jobs are added on the connections of those who decide, and those flush every commit.
    """
    options = f"{connect.get('options', '')} -c synchronous_commit=off".strip()
    return {**connect, "options": options}


def driver_of(connection: Session) -> psycopg.Connection[Any]:
    driver: psycopg.Connection[Any] = connection.connection.driver_connection
    return driver


def _waits(driver: psycopg.Connection[Any], phase_run_id: str) -> bool:
    """Whether a job for it is in the queue that nobody has taken yet."""
    found = driver.execute(
        "SELECT FROM procrastinate_jobs WHERE queueing_lock = %s AND status = 'todo'",
        (phase_run_id,),
    )
    return found.fetchone() is not None
