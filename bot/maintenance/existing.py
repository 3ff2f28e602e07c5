"""Opens a database that exists, without migrating it: for commands that only read or erase."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Engine, NullPool, create_engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from bot.settings import Settings
from storage.db.database import reading, schema
from storage.db.engines import BUSY_SECONDS, DriverMissing, normalize_url, open_engine
from storage.db.schema import SchemaStatus
from storage.errors import Busy, CountersignError
from storage.move.destination import HalfMoved, refuse_half_moved


class CannotOpen(CountersignError):
    """The message, for the operator, says why."""


@contextmanager
def existing_database(settings: Settings, *, writes: bool = False) -> Iterator[Engine]:
    """Open the database of DATABASE_URL. Raises CannotOpen, also if it fails meanwhile.

    Unless the caller `writes`, nothing of a file is changed, not even its journal mode.
    """
    try:
        url = make_url(normalize_url(settings.database_url.get_secret_value()))
        name = url.render_as_string(hide_password=True)
        file = url.database if url.get_backend_name() == "sqlite" else None
        if file is not None and not Path(file).is_file():
            raise CannotOpen(f"There is no file {file}.")
        if file is not None and not writes:
            engine = _read_only(url, Path(file))
        else:
            engine = open_engine(url.render_as_string(hide_password=False))
    except (ArgumentError, ValueError, DriverMissing) as error:
        raise CannotOpen(f"The database cannot be opened: {error}") from error
    try:
        _check_schema(engine, name)
        yield engine
    except (SQLAlchemyError, Busy, HalfMoved) as error:
        cause = error.__cause__ if isinstance(error, Busy) else error
        reason = str(getattr(cause, "orig", None) or cause or error).strip().partition("\n")[0]
        raise CannotOpen(f"The database {name} cannot be used: {reason}") from error
    finally:
        engine.dispose()


def _read_only(url: URL, file: Path) -> Engine:
    def connect() -> sqlite3.Connection:
        uri = f"{file.resolve().as_uri()}?mode=ro"
        return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)

    return create_engine(url, creator=connect, poolclass=NullPool, hide_parameters=True)


def _check_schema(engine: Engine, name: str) -> None:
    current = schema(engine)
    if current.status is SchemaStatus.OLDER:
        raise CannotOpen(f"{name} has an older schema, or none: run `countersign migrate` first.")
    if current.status is SchemaStatus.INCOMPATIBLE:
        raise CannotOpen(f"{name} belongs to a newer version of Countersign. Use that one.")
    with reading(engine) as connection:
        refuse_half_moved(connection)


def print_out(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def print_error(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
