"""The file of a SQLite database."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import URL


def missing_file(url: URL) -> Path | None:
    """The file of a SQLite database, if it does not exist yet."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    file = Path(url.database)
    return None if file.exists() else file
