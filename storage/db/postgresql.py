"""Code that needs psycopg, which is an extra: imported only if PostgreSQL is used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import PipelineStatus, TransactionStatus
from sqlalchemy import Connection

ANSWER_SECONDS: Final = 15.0
"""A server that is silent for longer is gone: it would have ended the statement before that."""

WAKE_SECONDS: Final = 0.1
"""Seconds between checks for signals while waiting for the server; psycopg's own default."""

_CURSOR: Final = "countersign_cursor"
"""The key under which a pooled connection keeps its cursor: a new one costs as much as a statement.
"""

T = TypeVar("T")


class PatientConnection(psycopg.Connection[Any]):
    """A connection that gives up a server that is silent for longer than any statement may take."""

    answer_seconds: float | None = ANSWER_SECONDS

    def wait(
        self, gen: PQGen[T], interval: float = WAKE_SECONDS, timeout: float | None = None
    ) -> T:
        """Raises psycopg.OperationalError, with the connection closed."""
        try:
            return super().wait(gen, interval, timeout or self.answer_seconds)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:  # still no answer
                self.pgconn.finish()
            raise


@contextmanager
def without_time_limit(connection: Connection) -> Iterator[None]:
    """Lift the time limits of a transaction whose statements may take minutes."""
    driver: PatientConnection = connection.connection.driver_connection  # type: ignore[assignment]  # `connect` made it
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    driver.answer_seconds = None
    try:
        yield
    finally:
        del driver.answer_seconds  # back to the default of the class


def connect(
    _dialect: object, _record: object, arguments: Any, parameters: dict[str, Any]
) -> PatientConnection:
    return PatientConnection.connect(*arguments, **parameters)


def driver_of(connection: Connection) -> psycopg.Connection[Any]:
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(f"not psycopg's connection: {type(driver).__name__}")
    return driver


def is_in_pipeline(driver: object) -> bool:
    return (
        isinstance(driver, psycopg.Connection)
        and driver.pgconn.pipeline_status != PipelineStatus.OFF
    )


def cursor(connection: Connection) -> psycopg.RawCursor[Any]:
    """Return the connection's own cursor; in a pipeline a new one, as its result is read later."""
    driver = driver_of(connection)
    if is_in_pipeline(driver):
        return psycopg.RawCursor(driver)
    info = connection.info
    if _CURSOR not in info:
        info[_CURSOR] = psycopg.RawCursor(driver)
    cached: psycopg.RawCursor[Any] = info[_CURSOR]
    return cached
