"""Backup of a SQLite installation while the bot runs, and repair of a restored one."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Engine, select, update

from storage.db import audit as audit_log
from storage.db.database import SystemClock, reading, writing
from storage.db.tables import audit, executions, outbox
from storage.errors import CountersignError
from storage.messages import OutboxKind, OutboxState
from storage.records import Actor, ActorKind
from storage.states import ACTIVE

NO_EXECUTION: Final = ""
"""The execution of an audit row that belongs to none."""

_BUSY_SECONDS: Final = 10.0


class CannotBackUp(CountersignError):
    """No backup was made; the message says why."""


def back_up(url: URL, to: Path) -> None:
    """Write a consistent copy of the database to a new file, while others keep writing.

    It contains every commit made before the call. The file gets its name only when it is complete,
    checked and on the disk. Raises CannotBackUp.
    """
    source = Path(url.database or "")
    if url.get_backend_name() != "sqlite" or not source.is_file():
        raise CannotBackUp(f"There is no file {source}.")
    if to.exists():
        raise CannotBackUp(f"{to} already exists.")
    part = to.with_name(f"{to.name}.part")
    try:
        part.unlink(missing_ok=True)
        _copy(source, part)
        _flush(part)
        part.rename(to)
        _flush(to.parent)
    except (sqlite3.Error, OSError) as error:
        part.unlink(missing_ok=True)
        raise CannotBackUp(f"{to} could not be written: {error}.") from error


def _copy(source: Path, part: Path) -> None:
    uri = f"{source.resolve().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS)) as here,
        closing(sqlite3.connect(part)) as there,
    ):
        here.backup(there)
        there.execute("PRAGMA journal_mode=DELETE")  # a single file, without a -wal beside it
        problem = there.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problem != "ok":
            raise sqlite3.DatabaseError(problem)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def newest_event(engine: Engine) -> datetime | None:
    """Return the time of the newest row in the audit log."""
    with reading(engine) as connection:
        query = select(audit.c.at).order_by(audit.c.seq.desc()).limit(1)
        newest: datetime | None = connection.execute(query).scalar()
    return newest


def after_restore(engine: Engine) -> int:
    """Bring the outbox in line with Slack, which may be newer. Returns the number of messages.

    A message that was not posted when the backup was made may have been posted since, so it is
    searched for first. Messages of active executions are updated, as Slack may show a state from
    after the backup. All leases are released. The audit log goes on from where the backup was made,
    and records that: its chain is another one than what came after the backup.
    """
    free = {"lease_owner": None, "lease_until": None, "not_before": None}
    active = select(executions.c.id).where(executions.c.state.in_(ACTIVE))
    with writing(engine) as connection:
        to_search = connection.execute(
            update(outbox)
            .where(outbox.c.state.in_([OutboxState.QUEUED.value, OutboxState.SENDING.value]))
            .values(state=OutboxState.SENDING, sent_at=outbox.c.created_at, **free)
        )
        to_update = connection.execute(
            update(outbox)
            .where(
                outbox.c.state == OutboxState.POSTED,
                outbox.c.kind.in_([OutboxKind.ROOT.value, OutboxKind.CHECKPOINT.value]),
                outbox.c.execution_id.in_(active),
            )
            .values(version=outbox.c.version + 1, **free)
        )
        restored = audit_log.entry(
            at=SystemClock().at(connection),
            execution_id=NO_EXECUTION,
            event="installation.restored",
            actor=Actor(ActorKind.SYSTEM, "restored"),
            details={},
        )
        audit_log.append(connection, [restored])
    return to_search.rowcount + to_update.rowcount
