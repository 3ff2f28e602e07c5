"""The engines under the contract, and what a test does to their messages.

A test calls one by its name, and so does the worker's process: `transport("celery", url, broker)`.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from typing import Any, Final, Protocol

from redis import Redis
from sqlalchemy import Engine, text

from crew_runner.queues.celery import QUEUE as CELERYS
from crew_runner.queues.celery import CeleryQueue
from crew_runner.queues.local import LocalDispatch
from crew_runner.queues.port import Queue
from crew_runner.queues.procrastinate import QUEUE, TASK, ProcrastinateQueue
from storage.db.engines import connection_arguments, open_engine

NO_CONNECTION: Final[Any] = None


class Transport(Protocol):
    @property
    def poll(self) -> float:
        """Of the workers in the tests: where the queue hands work over, so seldom that nothing but
        the queue can have brought it."""

    def queue(self) -> Queue: ...

    def waiting(self) -> list[str]:
        """The phase runs for which a message is there that nobody has taken."""

    def lose(self) -> None:
        """All messages that nobody has taken."""

    def deliver(self, phase_run_id: str) -> None:
        """A message for it, beside those that were sent."""


class Local:
    poll: Final = 0.1

    def __init__(self, engine: Engine, _broker: str = "") -> None:
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

    def __init__(self, engine: Engine, _broker: str = "") -> None:
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


class OfCelery:
    """On a Redis of the tests' own."""

    poll: Final = 600.0

    def __init__(self, _engine: Engine, broker: str) -> None:
        self._broker = broker
        self._redis = Redis(unix_socket_path=broker.partition("://")[2])

    def queue(self) -> Queue:
        return CeleryQueue(self._broker)

    def waiting(self) -> list[str]:
        messages = [raw for key in self._lists() for raw in self._redis.lrange(key, 0, -1)]
        bodies = [json.loads(raw)["body"] for raw in messages]
        return [json.loads(b64decode(body))[0][0] for body in bodies]

    def lose(self) -> None:
        for key in self._lists():
            self._redis.delete(key)

    def deliver(self, phase_run_id: str) -> None:
        queue = self.queue()
        queue.enqueue(NO_CONNECTION, phase_run_id)
        queue.committed(phase_run_id)

    def _lists(self) -> list[bytes | str]:
        return [key for key in self._redis.keys(f"{CELERYS}*") if self._redis.type(key) == b"list"]


ENGINES: Final[dict[str, Callable[[Engine, str], Transport]]] = {
    "local on SQLite": Local,
    "procrastinate": Procrastinate,
    "celery": OfCelery,
}


def transport(name: str, url: str, broker: str) -> Transport:
    """`broker`: the URL of a Redis, where the engine needs one."""
    return ENGINES[name](open_engine(url), broker)
