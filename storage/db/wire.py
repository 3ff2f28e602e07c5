"""Several statements in one exchange with a PostgreSQL server: all are sent, then all answered.

psycopg's own `execute` costs more than a small statement costs the server, in a pipeline, too.
This is on its libpq layer, beside it on the same connection: a transaction that one of them began
the other one goes on with.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count
from typing import Any, Final

import psycopg
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

from storage.answers import Answer, Asked

ANSWER_SECONDS: Final = 15.0
"""A server that is silent for longer is gone: statements end by themselves before that."""

MOST_NAMES: Final = 250


class Wire:
    """One connection's. What is asked a second time is prepared, if `prepares`."""

    def __init__(self, driver: psycopg.Connection[Any], *, prepares: bool) -> None:
        self._driver = driver
        self._server = driver.pgconn
        self._encoding = driver.info.encoding
        self._loading = Transformer(driver)
        self._prepares = prepares
        self._asked_before: set[str] = set()
        self._names: dict[str, bytes] = {}
        self._numbers = count(1)

    def exchange(self, asked: Sequence[Asked]) -> list[Answer]:
        """In a transaction, which is begun here where there is none.

        Raises psycopg.Error: what came after the statement that failed was not executed.
        """
        begins = self._server.transaction_status == TransactionStatus.IDLE
        texts = [[self._text(value) for value in values] for _, values in asked]
        new: dict[str, bytes] = {}
        self._server.enter_pipeline_mode()
        try:
            told = []
            if begins and not self._driver.autocommit:
                self._server.send_query_params(b"BEGIN", None)
                told.append(False)
            for (sql, _), values in zip(asked, texts, strict=True):
                if self._is_to_be_prepared(sql) and sql not in new:
                    new[sql] = b"countersign_%d" % next(self._numbers)
                    self._server.send_prepare(new[sql], sql.encode(self._encoding))
                    told.append(False)
                self._send(sql, values, new)
                told.append(True)
            self._server.pipeline_sync()
            results = self._results()
        finally:
            self._leave()
        failed = next((r for r in results if r.status == ExecStatus.FATAL_ERROR), None)
        if failed is not None:
            raise error_from_result(failed, self._encoding)
        self._names |= new
        self._asked_before.update(sql for sql, _ in asked)
        return [
            self._answer(result) for result, is_one in zip(results, told, strict=True) if is_one
        ]

    def commit(self) -> None:
        """Where a transaction was begun. Raises psycopg.Error."""
        if self._server.transaction_status == TransactionStatus.IDLE:
            return
        self._server.send_query_params(b"COMMIT", None)
        for result in [*iter(self._next, None)]:
            if result.status != ExecStatus.COMMAND_OK:
                raise error_from_result(result, self._encoding)

    def _is_to_be_prepared(self, sql: str) -> bool:
        return (
            self._prepares
            and sql in self._asked_before
            and sql not in self._names
            and len(self._names) < MOST_NAMES
        )

    def _send(self, sql: str, values: list[bytes | None], new: dict[str, bytes]) -> None:
        name = self._names.get(sql) or new.get(sql)
        if name is None:
            self._server.send_query_params(sql.encode(self._encoding), values)
        else:
            self._server.send_query_prepared(name, values)

    def _results(self) -> list[PGresult]:
        """All of them, also after one that failed: so the connection is left as it was."""
        results: list[PGresult] = []
        while True:
            result = self._next()
            if result is None:
                continue  # so ends what one statement answers
            if result.status == ExecStatus.PIPELINE_SYNC:
                return results
            results.append(result)

    def _next(self) -> PGresult | None:
        """Wait for it without holding up other threads. Raises psycopg.OperationalError."""
        unsent = self._server.flush()
        while unsent or self._server.is_busy():
            self._wait(select.POLLIN | (select.POLLOUT if unsent else 0))
            self._server.consume_input()
            unsent = unsent and self._server.flush()
        return self._server.get_result()

    def _wait(self, what: int) -> None:
        poll = select.poll()
        poll.register(self._server.socket, what)
        if not poll.poll(ANSWER_SECONDS * 1000):
            self._driver.close()
            raise psycopg.OperationalError("the server does not answer")

    def _leave(self) -> None:
        if self._server.status != ConnStatus.OK:
            return
        try:
            self._server.exit_pipeline_mode()
        except psycopg.Error:  # it was interrupted before all was answered
            self._driver.close()

    def _answer(self, result: PGresult) -> Answer:
        rows: list[tuple[Any, ...]] = []
        if result.status == ExecStatus.TUPLES_OK:
            self._loading.set_pgresult(result)
            rows = self._loading.load_rows(0, result.ntuples, tuple)
        return Answer(rows, result.command_tuples or 0)

    def _text(self, value: Any) -> bytes | None:
        if value is None:
            return None
        text = _TEXTS.get(type(value), str)(value).encode(self._encoding)
        if b"\0" in text:
            raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
        return text


_TEXTS: Final[dict[type, Callable[[Any], str]]] = {
    str: str,
    int: str,
    bool: lambda value: "t" if value else "f",
    datetime: datetime.isoformat,
}
