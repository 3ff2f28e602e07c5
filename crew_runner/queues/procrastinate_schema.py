"""Procrastinate's own tables: made, and brought to the version that is installed.

Procrastinate ships its whole schema in one file, the steps between versions as files whose names
sort in their order, and keeps no record of what a database has. We keep that record: a row for
each file that is in effect.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import psycopg
from procrastinate.schema import SchemaManager

from crew_runner.queues.port import CannotInstall
from crew_runner.queues.procrastinate import Session, driver_of
from storage.errors import Busy

_MAKE_RECORD: Final = """
    CREATE TABLE IF NOT EXISTS countersign_procrastinate_steps
    (name text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())
"""
_READ_RECORD: Final = "SELECT name FROM countersign_procrastinate_steps"
_ADD_TO_RECORD: Final = "INSERT INTO countersign_procrastinate_steps (name) VALUES (%s)"


def install(connection: Session) -> None:
    """Within the transaction that the connection is in. Raises Busy, CannotInstall."""
    try:
        _install(driver_of(connection))
    except psycopg.OperationalError as error:
        raise Busy("the database is busy") from error
    except psycopg.Error as error:
        raise CannotInstall(f"Procrastinate's tables cannot be made: {error}") from error


def outdated(connection: Session) -> list[str] | None:
    """The steps of the installed version that the database lacks; None: there are no tables."""
    driver = driver_of(connection)
    if not _has_tables(driver):
        return None
    try:
        with driver.transaction():
            applied = {name for (name,) in driver.execute(_READ_RECORD)}
    except psycopg.errors.UndefinedTable:
        applied = set()
    return [step.name for step in steps() if step.name not in applied]


def steps() -> list[Path]:
    """Those that the installed version ships, in their order."""
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
    elif lacking := _lacking(driver):
        raise CannotInstall(
            "it holds tables of an older Procrastinate, which somebody else made. Apply"
            f" Procrastinate's own migrations first: {', '.join(lacking)} is not there."
        )
    if missing:
        driver.cursor().executemany(_ADD_TO_RECORD, [(step.name,) for step in missing])


def _has_tables(driver: psycopg.Connection[Any]) -> bool:
    found = driver.execute("SELECT to_regclass('procrastinate_jobs')").fetchone()
    return found is not None and found[0] is not None


def _lacking(driver: psycopg.Connection[Any]) -> list[str]:
    """The functions of the installed version that are not in the database."""
    wanted = set(re.findall(r"CREATE FUNCTION (\w+)", SchemaManager.get_schema()))
    found = driver.execute(
        "SELECT proname FROM pg_proc WHERE proname = ANY(%s) AND pg_function_is_visible(oid)",
        (sorted(wanted),),
    )
    return sorted(wanted - {name for (name,) in found})
