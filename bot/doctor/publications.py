"""The doctor's check of approved files that could not be written into their project so far."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from bot.findings import Finding, warning
from bot.settings import Settings
from storage.db.engines import DriverMissing, normalize_url, open_engine
from storage.errors import Busy
from storage.reads import Reads


def check_publications(settings: Settings) -> Iterator[Finding]:
    """No findings if nothing failed, or if the database does not open."""
    url = make_url(normalize_url(settings.database_url.get_secret_value()))
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        return
    try:
        engine = open_engine(url.render_as_string(hide_password=False))
    except (DriverMissing, ImportError):
        return  # `check_database` reports it
    try:
        failed = Reads(engine).failed_publications()
    except (Busy, SQLAlchemyError):
        return  # `check_database` reports it
    finally:
        engine.dispose()
    for project, (count, reason) in failed.items():
        what = "those of one phase wait" if count == 1 else f"those of {count} phases wait"
        yield warning(
            "Approved files",
            f"{what} to be written into {project}: {reason}",
            "Make the folder exist and writable on a host with a worker, which tries again.",
        )
