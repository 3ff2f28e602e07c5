"""SQLite files with the newest schema: migrated once per test process, then copied."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine

from storage.db.database import upgrade
from storage.db.engines import open_engine


def upgraded(url: str) -> Engine:
    """An engine whose database has the newest schema, as `storage.db.database.upgrade` makes it."""
    engine = open_engine(url)
    file = engine.url.database
    if engine.dialect.name == "sqlite" and file is not None and not Path(file).exists():
        Path(file).write_bytes(_migrated())
    else:
        upgrade(engine)
    return engine


@cache
def _migrated() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder, "migrated.db")
        engine = open_engine(f"sqlite:///{file}")
        upgrade(engine)
        engine.dispose()  # which also writes the WAL into the file
        return file.read_bytes()
