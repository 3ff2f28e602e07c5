"""A copy of a SQLite installation, made while the bot works; and what a restored one needs."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Engine, select, update

from storage.db.database import reading, writing
from storage.db.tables import audit, executions, outbox
from storage.errors import CountersignError
from storage.messages import OutboxKind, OutboxState
from storage.states import ACTIVE

_BUSY_SECONDS: Final = 10.0


class CannotBackUp(CountersignError):
    """Why there is no backup, in words."""


def back_up(url: URL, to: Path) -> None:
    """Write the whole database, as it stands at one moment, to a file that is not there yet.

    Every commit that was made before the call is in it. Others go on writing meanwhile. The file
    appears under its name when it is complete, checked and on the disk. Raises CannotBackUp.
    """
    source = Path(url.database or "")
    if url.get_backend_name() != "sqlite" or not source.is_file():
        raise CannotBackUp(f"There is no file {source}.")
    if to.exists():
        raise CannotBackUp(f"{to} is there already.")
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
    where = f"{source.resolve().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(where, uri=True, timeout=_BUSY_SECONDS)) as here,
        closing(sqlite3.connect(part)) as there,
    ):
        here.backup(there)
        there.execute("PRAGMA journal_mode=DELETE")  # one file, and none beside it
        found = there.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)


def _flush(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def newest_event(engine: Engine) -> datetime | None:
    """When the last thing happened that this database knows of."""
    with reading(engine) as connection:
        query = select(audit.c.at).order_by(audit.c.seq.desc()).limit(1)
        found: datetime | None = connection.execute(query).scalar()
    return found


def after_restore(engine: Engine) -> int:
    """Slack may hold newer things than a restored database knows: how many messages to go after.

    What was not posted yet when the backup was made is looked for before it is posted; whoever was
    at it then is gone. What waits is shown anew, as what Slack shows of it may be from after the
    backup.
    """
    free = {"lease_owner": None, "lease_until": None, "not_before": None}
    going_on = select(executions.c.id).where(executions.c.state.in_(ACTIVE))
    with writing(engine) as connection:
        to_look_for = connection.execute(
            update(outbox)
            .where(outbox.c.state.in_([OutboxState.QUEUED.value, OutboxState.SENDING.value]))
            .values(state=OutboxState.SENDING, sent_at=outbox.c.created_at, **free)
        )
        to_show = connection.execute(
            update(outbox)
            .where(
                outbox.c.state == OutboxState.POSTED,
                outbox.c.kind.in_([OutboxKind.ROOT.value, OutboxKind.CHECKPOINT.value]),
                outbox.c.execution_id.in_(going_on),
            )
            .values(version=outbox.c.version + 1, **free)
        )
    return to_look_for.rowcount + to_show.rowcount
