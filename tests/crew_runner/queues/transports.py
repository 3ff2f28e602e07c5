"""The engines under the contract, and access to their messages.

Tests and worker processes get one by name: `transport("procrastinate", url)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from sqlalchemy import Engine, text

from crew_runner.queues.local import LocalDispatch
from crew_runner.queues.port import Queue
from crew_runner.queues.procrastinate import QUEUE, TASK, ProcrastinateQueue
from storage.db.engines import connection_arguments, open_engine


class Transport(Protocol):
    @property
    def poll(self) -> float:
        """The workers' polling interval in the tests. If the queue wakes them, it is so long that
        only the queue can have started the work."""

    def queue(self) -> Queue: ...

    def waiting(self) -> list[str]:
        """The phase runs with a message that no worker has taken."""

    def lose(self) -> None:
        """Delete all messages that no worker has taken."""

    def deliver(self, phase_run_id: str) -> None:
        """Send an additional message for the phase run."""


class Local:
    poll: Final = 0.1

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def queue(self) -> Queue:
        return LocalDispatch()

    def waiting(self) -> list[str]:
        return []

    def lose(self) -> None:
        """Nothing to do: the rows are the messages."""

    def deliver(self, phase_run_id: str) -> None:
        """Nothing to do: workers poll the rows."""


class Procrastinate:
    poll: Final = 600.0

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def queue(self) -> Queue:
        return ProcrastinateQueue(connection_arguments(self._engine))

    def waiting(self) -> list[str]:
        query = "SELECT args->>'phase_run_id' FROM procrastinate_jobs WHERE status = 'todo'"
        with self._engine.connect() as connection:
            return list(connection.execute(text(query)).scalars())

    def lose(self) -> None:
        with self._engine.begin() as connection:
            connection.execute(text("DELETE FROM procrastinate_jobs WHERE status = 'todo'"))

    def deliver(self, phase_run_id: str) -> None:
        job = {"queue": QUEUE, "task": TASK, "id": phase_run_id}
        with self._engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO procrastinate_jobs (queue_name, task_name, args)"
                    " VALUES (:queue, :task, jsonb_build_object('phase_run_id', CAST(:id AS text)))"
                ),
                job,
            )


ENGINES: Final[dict[str, Callable[[Engine], Transport]]] = {
    "local on SQLite": Local,
    "procrastinate": Procrastinate,
}


def transport(name: str, url: str) -> Transport:
    return ENGINES[name](open_engine(url))
