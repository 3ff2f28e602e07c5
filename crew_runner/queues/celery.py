"""Celery: for teams that already run RabbitMQ or Redis. The database stays whatever it is.

A message carries the id of a phase run, is published once that is committed, and is acknowledged
when the phase was claimed, which is soon: no broker's patience has to outlast a phase. Between the
commit and the message a process may die or the broker be away; then a worker's own look at the
rows, or the recovery tick, finds the phase run.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from celery import Celery  # type: ignore[import-untyped]  # it ships no type information
from celery.exceptions import Reject  # type: ignore[import-untyped]
from celery.worker import state as of_worker  # type: ignore[import-untyped]
from kombu.exceptions import OperationalError

from crew_runner.host.outage import BACKOFF
from crew_runner.queues.port import Pool
from storage.ports import Seat

log = logging.getLogger(__name__)

TASK: Final = "countersign.run_phase"
QUEUE: Final = "countersign"

TURN_SECONDS: Final = 1.0
"""How long a message waits here for a free slot before other workers may have it."""

AGAIN_SECONDS: Final = 5.0
"""How often, at most, one process repeats a message, and how long a repeated one is good for.

Redis hands messages also to workers that are stopped or have just died: repeating is no luxury."""

BROKER_SECONDS: Final = 1.0
"""How long somebody who has clicked waits for a broker that does not answer."""

AWAY_SECONDS: Final = 5.0
STOP_SECONDS: Final = 3.0
_REMEMBERED: Final = 10_000
_PRIORITIES: Final = 9


def reach(broker: str) -> str | None:
    """Try once to connect; why that failed, or None."""
    app = Celery("countersign", broker=broker, set_as_current=False)
    try:
        with app.connection_for_write(connect_timeout=AWAY_SECONDS) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=AWAY_SECONDS)
    except OperationalError as error:
        return str(error.__cause__ or error) or type(error).__name__
    return None


class CeleryQueue:
    """`broker`: its URL, as Celery takes it. One in a process may be bound."""

    poll: Final = 5.0
    fed: Final = True

    def __init__(self, broker: str) -> None:
        self._broker = broker
        of_redis = broker.startswith("redis")
        self._urgent, self._usual = (0, _PRIORITIES) if of_redis else (_PRIORITIES, 0)
        self._patient = {"socket_timeout": BROKER_SECONDS} if of_redis else {}
        self._publisher = self._app()
        self._publisher.conf.broker_transport_options |= self._patient
        self._how: dict[str, dict[str, Any] | None] = {}
        self._repeated: dict[str, float] = {}
        self._away_until = 0.0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._pool: Pool | None = None

    # --- storage's side ---------------------------------------------------------------------

    def enqueue(
        self,
        _connection: object,
        phase_run_id: str,
        /,
        *,
        urgent: bool = False,
        not_before: datetime | None = None,
        again: bool = False,
    ) -> None:
        """Nothing yet: the transaction may still be undone."""
        if len(self._how) > _REMEMBERED:  # of transactions that were
            self._how.clear()
        how: dict[str, Any] = {"priority": self._urgent if urgent else self._usual}
        if again:
            how["expires"] = AGAIN_SECONDS
        self._how[phase_run_id] = how if not_before is None else None

    def enqueue_all(self, connection: object, phase_run_ids: Sequence[str], /) -> None:
        for phase_run_id in phase_run_ids:
            self.enqueue(connection, phase_run_id)

    def committed(self, phase_run_id: str) -> None:
        """Publish. What is put off is found by the workers' looks; what cannot be, too."""
        how = self._how.pop(phase_run_id, {})
        now = time.monotonic()
        if how is None or now < self._away_until:
            return
        if "expires" in how and not self._may_repeat(phase_run_id, now):
            return
        try:
            self._publisher.send_task(
                TASK, (phase_run_id,), queue=QUEUE, retry=False, ignore_result=True, **how
            )
        except OperationalError as error:
            self._away_until = now + AWAY_SECONDS
            log.warning("queue.away", extra={"why": type(error.__cause__ or error).__name__})

    def seat(self) -> Seat | None:
        return None if (pool := self._pool) is None else pool.seat()

    def _may_repeat(self, phase_run_id: str, now: float) -> bool:
        last = self._repeated.get(phase_run_id)
        if last is not None and now - last < AGAIN_SECONDS:
            return False
        if len(self._repeated) > _REMEMBERED:
            self._repeated.clear()
        self._repeated[phase_run_id] = now
        return True

    # --- the workers' side ------------------------------------------------------------------

    def bind(self, pool: Pool) -> None:
        self._pool = pool
        of_worker.should_stop = None
        self._thread = threading.Thread(
            target=self._serve, args=(pool,), name="celery", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        self._pool = None
        self._stopping.set()
        of_worker.should_stop = 0  # Celery's own way to tell a worker of another thread
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _serve(self, pool: Pool) -> None:
        """Keep a Celery worker running. It connects again by itself where the broker goes away."""
        app = self._app()
        app.set_current()  # of this thread: it is where Celery looks for the task

        def run_phase(phase_run_id: str) -> None:
            if not pool.take(phase_run_id, within=TURN_SECONDS):
                raise Reject("no slot is free", requeue=True)

        app.task(name=TASK, shared=False, acks_late=True, ignore_result=True)(run_phase)
        failures = 0
        while not self._stopping.is_set():
            try:
                app.WorkController(
                    pool_cls="solo",
                    concurrency=1,
                    queues=[QUEUE],
                    without_gossip=True,
                    without_mingle=True,
                    without_heartbeat=True,
                ).start()
            except Exception:  # the edge of the worker: without it the pool would be fed no more
                log.exception("queue.broke")
            failures += 1
            self._stopping.wait(BACKOFF.after(failures))

    def _app(self) -> Any:
        # It speaks of messages, and of every try to connect; we speak of phases.
        logging.getLogger("celery").setLevel(logging.ERROR)
        app = Celery("countersign", broker=self._broker, set_as_current=False)
        app.conf.update(
            task_default_queue=QUEUE,
            task_queue_max_priority=_PRIORITIES,
            task_acks_late=True,
            worker_prefetch_multiplier=1,
            worker_enable_remote_control=False,
            worker_hijack_root_logger=False,
            worker_cancel_long_running_tasks_on_connection_loss=True,  # it has none
            broker_connection_timeout=BROKER_SECONDS,
            broker_connection_retry_on_startup=True,
            broker_connection_max_retries=None,
            broker_transport_options={"queue_order_strategy": "priority"},
        )
        return app
