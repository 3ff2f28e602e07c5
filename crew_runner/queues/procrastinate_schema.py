"""Creates Procrastinate's tables and migrates them to the installed version.

Procrastinate ships its whole schema as one file and the migrations between versions as files whose
names sort in order, but does not record which of them a database has. We keep that record: one row
for each applied file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import psycopg
from procrastinate.schema import SchemaManager

from crew_runner.queues.port import QueueInstallError
from crew_runner.queues.procrastinate import Session, driver_connection
from storage.errors import Busy

_MAKE_RECORD: Final = """
    CREATE TABLE IF NOT EXISTS countersign_procrastinate_steps
    (name text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())
"""
_READ_RECORD: Final = "SELECT name FROM countersign_procrastinate_steps"
_ADD_TO_RECORD: Final = "INSERT INTO countersign_procrastinate_steps (name) VALUES (%s)"


def install(connection: Session) -> None:
    """Create or migrate, in the connection's transaction. Raises Busy, CannotInstall."""
    try:
        _install(driver_connection(connection))
    except psycopg.OperationalError as error:
        raise Busy("the database is busy") from error
    except psycopg.Error as error:
        raise QueueInstallError(f"Procrastinate's tables cannot be created: {error}") from error


def missing_migrations(connection: Session) -> list[str] | None:
    """The migrations that the database lacks, or None if there are no tables."""
    driver = driver_connection(connection)
    if not _has_tables(driver):
        return None
    try:
        with driver.transaction():
            applied = {name for (name,) in driver.execute(_READ_RECORD)}
    except psycopg.errors.UndefinedTable:
        applied = set()
    return [step.name for step in steps() if step.name not in applied]


def steps() -> list[Path]:
    """The migrations of the installed version, in order."""
    return sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))


def _install(driver: psycopg.Connection[Any]) -> None:
    driver.execute(_MAKE_RECORD)
    applied = {name for (name,) in driver.execute(_READ_RECORD)}
    missing = [step for step in steps() if step.name not in applied]
    if applied:
        for step in missing:
            driver.execute(step.read_text(encoding="utf-8"))
    elif not _has_tables(driver):
        driver.execute(SchemaManager.get_schema())
    elif missing_functions := _missing_functions(driver):
        raise QueueInstallError(
            "the database holds tables of an older Procrastinate that Countersign did not create."
            f" Apply Procrastinate's own migrations first;"
            f" it lacks: {', '.join(missing_functions)}."
        )
    if missing:
        driver.cursor().executemany(_ADD_TO_RECORD, [(step.name,) for step in missing])


def _has_tables(driver: psycopg.Connection[Any]) -> bool:
    row = driver.execute("SELECT to_regclass('procrastinate_jobs')").fetchone()
    return row is not None and row[0] is not None


def _missing_functions(driver: psycopg.Connection[Any]) -> list[str]:
    """Functions of the installed version that the database lacks."""
    expected = set(re.findall(r"CREATE FUNCTION (\w+)", SchemaManager.get_schema()))
    row = driver.execute(
        "SELECT proname FROM pg_proc WHERE proname = ANY(%s) AND pg_function_is_visible(oid)",
        (sorted(expected),),
    )
    return sorted(expected - {name for (name,) in row})
