"""The engines under the contract, and what a test does to their messages.

A test calls one by its name, and so does the worker's process: `transport("procrastinate", url)`.
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
        """Of the workers in the tests: where the queue wakes them, so seldom that nothing but the
        queue can have brought the work."""

    def queue(self) -> Queue: ...

    def waiting(self) -> list[str]:
        """The phase runs for which a message is there that nobody has taken."""

    def lose(self) -> None:
        """All messages that nobody has taken."""

    def deliver(self, phase_run_id: str) -> None:
        """A message for it, beside those that were sent."""


class Local:
    poll: Final = 0.1

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def queue(self) -> Queue:
        return LocalDispatch()

    def waiting(self) -> list[str]:
        return []

    def lose(self) -> None:
        """The rows are the messages."""

    def deliver(self, phase_run_id: str) -> None:
        """Workers look at the rows all the time."""


class Procrastinate:
    poll: Final = 600.0

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def queue(self) -> Queue:
        return ProcrastinateQueue(connection_arguments(self._engine))

    def waiting(self) -> list[str]:
        found = "SELECT args->>'phase_run_id' FROM procrastinate_jobs WHERE status = 'todo'"
        with self._engine.connect() as connection:
            return list(connection.execute(text(found)).scalars())

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
