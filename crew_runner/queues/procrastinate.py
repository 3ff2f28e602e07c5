"""Procrastinate: jobs in PostgreSQL, committed with what queues them, announced by its NOTIFY.

The notification that a job's commit sends wakes every pool at once, and the pools claim from the
rows. Procrastinate's worker takes the job out of its table a little later, off the path from a
decision to the next phase, and wakes its pool once more: the notification may have been missed.
A job decides nothing. A repeated, late or orphaned one wakes pools that find nothing to claim.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol

import psycopg
from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status
from procrastinate.manager import get_channel_for_queues
from psycopg_pool import AsyncConnectionPool

from crew_runner.host.outage import BACKOFF
from crew_runner.queues.port import Pool
from storage.errors import Unreachable
from storage.ports import Seat

log = logging.getLogger(__name__)

TASK: Final = "countersign.run_phase"
QUEUE: Final = "countersign"

[CHANNEL] = get_channel_for_queues(queues=[QUEUE])
_ANNOUNCEMENT: Final = json.dumps({"type": "job_inserted", "job_id": 0})
"""As Procrastinate announces a job. PostgreSQL sends equal ones of a transaction once."""

LOOK_SECONDS: Final = 1.0
"""How often jobs are taken out of the table, and how often pools look at the rows by themselves. No
notification comes when a phase that was put off comes due, or while nothing can listen."""

TOGETHER_SECONDS: Final = 0.1
"""For how long jobs that are taken out are gathered, so that they wake the pool once."""

FORGET_SECONDS: Final = 3600.0
"""A worker that was silent for so long is gone, and what it left in the queue is deleted."""

STOP_SECONDS: Final = 3.0

PATIENCE_SECONDS: Final = 3.0
"""How long a connection is waited for, before the worker's side is begun anew."""

_LASTED: Final = 60.0


class _Pooled(Protocol):
    @property
    def driver_connection(self) -> Any: ...


class Session(Protocol):
    """What this file needs of SQLAlchemy's connection: psycopg's own below it."""

    @property
    def connection(self) -> _Pooled: ...


class ProcrastinateQueue:
    """`connect`: psycopg's arguments for connections of the workers' side, which are its own."""

    poll: Final = LOOK_SECONDS

    def __init__(
        self,
        connect: Mapping[str, Any],
        *,
        look_seconds: float = LOOK_SECONDS,
        forget_seconds: float = FORGET_SECONDS,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._connect = dict(connect)
        self._look_seconds = look_seconds
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
        not_before: datetime | None = None,
        again: bool = False,
    ) -> None:
        """The job is there if the transaction commits, and not at all if it does not.

        Raises Unreachable.
        """
        driver = driver_of(connection)
        with _taken():
            if again:  # the row needs no second job, only somebody who looks
                driver.execute("SELECT pg_notify(%s, %s)", (CHANNEL, _ANNOUNCEMENT))
            else:
                self._defer(driver, [self._job(phase_run_id, schedule_at=not_before)])

    def enqueue_all(self, connection: Session, phase_run_ids: Sequence[str], /) -> None:
        """In one statement. Raises Unreachable."""
        with _taken():
            self._defer(driver_of(connection), [self._job(each) for each in phase_run_ids])

    def _job(self, phase_run_id: str, **when: Any) -> Job:
        task = self._jobs.configure_task(TASK, queue=QUEUE, **when)
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
            except Exception:  # the edge of the worker: without it the pool would not be woken
                log.exception("queue.broke")
            if time.monotonic() - began > _LASTED:
                failures = 0
            failures += 1
            self._stopping.wait(BACKOFF.after(failures))

    async def _consume(self, pool: Pool) -> None:
        """Until `stop`, or until Procrastinate's worker ends."""
        stopped = asyncio.Event()
        self._tell = partial(asyncio.get_running_loop().call_soon_threadsafe, stopped.set)
        if self._stopping.is_set():
            return
        app = self._app(pool)
        async with self._connection() as connection, app.open_async(connection):
            await connection.wait(self._patience)
            parts = (
                self._listen(app, pool),
                app.run_worker_async(
                    queues=[QUEUE],
                    listen_notify=False,
                    fetch_job_polling_interval=self._look_seconds,
                    shutdown_graceful_timeout=0.0,
                    delete_jobs="always",
                    install_signal_handlers=False,
                    stalled_worker_timeout=self._forget_seconds,
                ),
                self._forget_orphans(app),
                stopped.wait(),
            )
            tasks = [asyncio.ensure_future(part) for part in parts]
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for task in ended:
                task.result()

    async def _listen(self, app: App, pool: Pool) -> None:
        """Wake the pool as soon as a job is committed. Nothing is fetched for it."""

        async def wake(**_notification: object) -> None:
            pool.wake()

        await app.job_manager.listen_for_jobs(on_notification=wake, queues=[QUEUE])

    def _connection(self) -> AsyncConnectionPool:
        """One connection. Procrastinate's statements need no transaction around them, and saving
        its round trips, and those of a check, makes a job cost a quarter."""
        return AsyncConnectionPool(
            kwargs=of_workers(self._connect),
            configure=_autocommit,
            min_size=1,
            max_size=1,
            timeout=self._patience,
            open=False,
        )

    def _app(self, pool: Pool) -> App:
        app = App(connector=PsycopgConnector())
        planned: asyncio.TimerHandle | None = None

        def wake() -> None:
            nonlocal planned
            planned = None
            pool.wake()

        @app.task(name=TASK, queue=QUEUE)
        async def run_phase(**_job: object) -> None:
            nonlocal planned
            if planned is None:
                planned = asyncio.get_running_loop().call_later(TOGETHER_SECONDS, wake)

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


async def _autocommit(connection: psycopg.AsyncConnection[Any]) -> None:
    await connection.set_autocommit(True)


@contextmanager
def _taken() -> Iterator[None]:
    """Within, jobs are given to the database. Raises Unreachable."""
    try:
        yield
    except (ConnectorException, psycopg.Error) as error:
        if not any(isinstance(e, psycopg.OperationalError) for e in (error, error.__cause__)):
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
