"""Procrastinate: jobs in PostgreSQL, committed with the decision and announced by NOTIFY.

The notification sent by a job's commit wakes every pool at once, and the pools claim from the
rows. Procrastinate's worker removes the job from its table a little later, off the path from a
decision to the next phase, and wakes its pool again in case the notification was missed. A job
decides nothing: a repeated, late or orphaned one wakes pools that find nothing to claim.
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
from storage.ports import SlotReservation

log = logging.getLogger(__name__)

TASK: Final = "countersign.run_phase"
QUEUE: Final = "countersign"

[CHANNEL] = get_channel_for_queues(queues=[QUEUE])
_ANNOUNCEMENT: Final = json.dumps({"type": "job_inserted", "job_id": 0})
"""Procrastinate's own format. PostgreSQL sends equal notifications of a transaction once."""

POLL_SECONDS: Final = 1.0
"""How often jobs are fetched, and how often pools check the rows without being woken. There is no
notification when a delayed phase becomes due, or while the connection is down."""

BATCH_SECONDS: Final = 0.1
"""How long fetched jobs are collected, so that several wake the pool only once."""

ORPHAN_SECONDS: Final = 3600.0
"""A worker without a heartbeat for this long is dead, and its jobs are deleted."""

STOP_SECONDS: Final = 3.0

CONNECT_SECONDS: Final = 3.0
"""How long to wait for a connection before the consumer is restarted."""

_STABLE_SECONDS: Final = 60.0
"""A consumer that ran for this long resets the backoff."""


class _Pooled(Protocol):
    @property
    def driver_connection(self) -> Any: ...


class Session(Protocol):
    """The part of SQLAlchemy's connection used here: access to psycopg's connection."""

    @property
    def connection(self) -> _Pooled: ...


class ProcrastinateQueue:
    """`connect`: psycopg's arguments for the consumer's own connections."""

    poll: Final = POLL_SECONDS

    def __init__(
        self,
        connect: Mapping[str, Any],
        *,
        poll_seconds: float = POLL_SECONDS,
        orphan_seconds: float = ORPHAN_SECONDS,
        connect_seconds: float = CONNECT_SECONDS,
    ) -> None:
        self._connect = dict(connect)
        self._poll_seconds = poll_seconds
        self._orphan_seconds = orphan_seconds
        self._connect_seconds = connect_seconds
        # They log every job and every connection attempt; we log phases and outages.
        logging.getLogger("procrastinate").setLevel(logging.WARNING)
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
        self._jobs = App(connector=SyncPsycopgConnector())  # never opened: it uses the caller's
        self._stopping = threading.Event()
        self._request_stop: Callable[[], object] | None = None
        self._thread: threading.Thread | None = None
        self._pool: Pool | None = None

    # --- producer: called by storage --------------------------------------------------------

    def enqueue(
        self,
        connection: Session,
        phase_run_id: str,
        /,
        *,
        not_before: datetime | None = None,
        again: bool = False,
    ) -> None:
        """Add a job that exists only if the transaction commits. Raises Unreachable."""
        driver = driver_connection(connection)
        with _as_storage_errors():
            if again:  # no second job is needed, only a pool that checks the rows
                driver.execute("SELECT pg_notify(%s, %s)", (CHANNEL, _ANNOUNCEMENT))
            else:
                self._defer(driver, [self._job(phase_run_id, schedule_at=not_before)])

    def enqueue_all(self, connection: Session, phase_run_ids: Sequence[str], /) -> None:
        """Add the jobs in one statement. Raises Unreachable."""
        with _as_storage_errors():
            self._defer(driver_connection(connection), [self._job(each) for each in phase_run_ids])

    def _job(self, phase_run_id: str, **when: Any) -> Job:
        task = self._jobs.configure_task(TASK, queue=QUEUE, **when)
        return task.make_new_job(phase_run_id=phase_run_id)

    def _defer(self, driver: psycopg.Connection[Any], jobs: list[Job]) -> None:
        self._jobs.job_manager.batch_defer_jobs(jobs, connection=driver)

    def committed(self, phase_run_id: str) -> None:
        """Nothing to do: the commit has notified the workers."""

    def reserve_slot(self) -> SlotReservation | None:
        return None if (pool := self._pool) is None else pool.reserve_slot()

    # --- consumer: runs beside the pool -----------------------------------------------------

    def bind(self, pool: Pool) -> None:
        self._pool = pool
        self._thread = threading.Thread(
            target=self._serve, args=(pool,), name="procrastinate", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        self._pool = None
        self._stopping.set()
        if (request_stop := self._request_stop) is not None:
            with suppress(RuntimeError):  # its event loop has already ended
                request_stop()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _serve(self, pool: Pool) -> None:
        """Keep a Procrastinate worker running; it ends when the database is unreachable."""
        failures = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                asyncio.run(self._consume(pool))
            except (ConnectorException, psycopg.Error, OSError) as error:
                log.warning("queue.away", extra={"why": type(error.__cause__ or error).__name__})
            except Exception:  # the edge of the worker: without it the pool would not be woken
                log.exception("queue.broke")
            if time.monotonic() - started > _STABLE_SECONDS:
                failures = 0
            failures += 1
            self._stopping.wait(BACKOFF.after(failures))

    async def _consume(self, pool: Pool) -> None:
        """Run until `stop` is called or Procrastinate's worker ends."""
        stopped = asyncio.Event()
        self._request_stop = partial(asyncio.get_running_loop().call_soon_threadsafe, stopped.set)
        if self._stopping.is_set():
            return
        app = self._app(pool)
        async with self._connection() as connection, app.open_async(connection):
            await connection.wait(self._connect_seconds)
            coroutines = (
                self._listen(app, pool),
                app.run_worker_async(
                    queues=[QUEUE],
                    listen_notify=False,
                    fetch_job_polling_interval=self._poll_seconds,
                    shutdown_graceful_timeout=0.0,
                    delete_jobs="always",
                    install_signal_handlers=False,
                    stalled_worker_timeout=self._orphan_seconds,
                ),
                self._delete_orphans(app),
                stopped.wait(),
            )
            tasks = [asyncio.ensure_future(part) for part in coroutines]
            finished, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for task in finished:
                task.result()

    async def _listen(self, app: App, pool: Pool) -> None:
        """Wake the pool as soon as a job is committed, without fetching it."""

        async def wake(**_notification: object) -> None:
            pool.wake()

        await app.job_manager.listen_for_jobs(on_notification=wake, queues=[QUEUE])

    def _connection(self) -> AsyncConnectionPool:
        """A single autocommit connection without a check. Procrastinate's statements need no
        transaction, and without those round trips a job costs a quarter."""
        return AsyncConnectionPool(
            kwargs=worker_arguments(self._connect),
            configure=_autocommit,
            min_size=1,
            max_size=1,
            timeout=self._connect_seconds,
            open=False,
        )

    def _app(self, pool: Pool) -> App:
        app = App(connector=PsycopgConnector())
        pending: asyncio.TimerHandle | None = None

        def wake() -> None:
            nonlocal pending
            pending = None
            pool.wake()

        @app.task(name=TASK, queue=QUEUE)
        async def run_phase(**_job: object) -> None:
            nonlocal pending
            if pending is None:
                pending = asyncio.get_running_loop().call_later(BATCH_SECONDS, wake)

        return app

    async def _delete_orphans(self, app: App) -> None:
        """Delete jobs that dead workers left in progress. The rows hold the work itself."""
        while True:
            orphans = await app.job_manager.get_stalled_jobs(
                queue=QUEUE, seconds_since_heartbeat=self._orphan_seconds
            )
            for orphan in orphans:
                await app.job_manager.finish_job(orphan, Status.FAILED, delete_job=True)
            await asyncio.sleep(self._orphan_seconds)


async def _autocommit(connection: psycopg.AsyncConnection[Any]) -> None:
    await connection.set_autocommit(True)


@contextmanager
def _as_storage_errors() -> Iterator[None]:
    """Raises Unreachable in place of an operational error of the driver."""
    try:
        yield
    except (ConnectorException, psycopg.Error) as error:
        if not any(isinstance(e, psycopg.OperationalError) for e in (error, error.__cause__)):
            raise
        raise Unreachable("the database did not accept the job") from error


def worker_arguments(connect: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments for connections that only fetch and delete jobs, without waiting for the disk.

    If the server crashes, the last deletions may be lost: such a job comes again and finds nothing
    to claim. Jobs are added on the connections of the decisions, which flush every commit.
    """
    options = f"{connect.get('options', '')} -c synchronous_commit=off".strip()
    return {**connect, "options": options}


def driver_connection(connection: Session) -> psycopg.Connection[Any]:
    driver: psycopg.Connection[Any] = connection.connection.driver_connection
    return driver
