"""Plain SQL on either database, with nothing of the product."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

AWAY: Final = (psycopg.Error, sqlite3.Error, OSError)
"""What asking raises while a database is in trouble."""


class Sql:
    """Asks a SQLite file (a path, or its URL) or a PostgreSQL database that others write to."""

    def __init__(self, database: str | Path) -> None:
        scheme, _, rest = str(database).partition("://")
        self._server = f"postgresql://{rest}" if scheme.startswith("postgres") else None
        self._file = rest.removeprefix("/") if scheme == "sqlite" else str(database)

    def ask(self, query: str, *values: object) -> list[dict[str, Any]]:
        """`?` stands for a value. Empty while the tables are not made yet."""
        try:
            if self._server is None:
                with self._opened() as connection:
                    return [dict(row) for row in connection.execute(query, values)]
            with psycopg.connect(self._server, autocommit=True, row_factory=dict_row) as server:
                return server.execute(query.replace("?", "%s").encode(), values).fetchall()
        except psycopg.errors.UndefinedTable:
            return []
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._file, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            yield connection


def seconds(written: str | datetime | None) -> float:
    """A moment as a database gives it, since the epoch; 0 where there is none."""
    if written is None:
        return 0.0
    at = datetime.fromisoformat(written) if isinstance(written, str) else written
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def fields(written: str | None) -> Mapping[str, Any]:
    """A record as a database keeps it; empty where there is none."""
    kept: dict[str, Any] = json.loads(written) if written else {}
    return kept
