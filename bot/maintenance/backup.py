"""`countersign backup` and `countersign restored`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from bot.bootstrap import CannotStartError, open_database
from bot.settings import Settings
from storage.db.backup import CannotBackUp, after_restore, back_up, newest_event
from storage.db.engines import normalize_url

OK: Final = 0
FAILED: Final = 1
BAD_SETTINGS: Final = 2


def backup(settings: Settings, to: Path) -> int:
    """Copy the SQLite file of DATABASE_URL to `to`. Returns the exit code."""
    url = make_url(normalize_url(settings.database_url.get_secret_value()))
    if url.get_backend_name() != "sqlite":
        _print_error("DATABASE_URL names a PostgreSQL server. Use pg_dump to back it up.")
        return BAD_SETTINGS
    try:
        back_up(url, to)
    except CannotBackUp as error:
        _print_error(str(error))
        return FAILED
    _print(f"{to} is a copy of {url.database} as it was when the backup started.")
    return OK


def restored(settings: Settings) -> int:
    """Prepare a database that was restored from a backup. Returns the exit code."""
    try:
        engine = open_database(settings)
    except CannotStartError as error:
        _print_error(str(error))
        return BAD_SETTINGS if error.bad_settings else FAILED
    newest = newest_event(engine)
    messages = after_restore(engine)
    engine.dispose()
    events = "no events" if newest is None else f"events up to {newest:%Y-%m-%d %H:%M:%S} UTC"
    _print(
        f"The database has {events}. At its next start the bot brings {messages} messages in\n"
        "Slack to that state. Before it posts, it searches for what it posted after the backup."
    )
    return OK


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _print_error(text: str) -> None:
    sys.stderr.write(f"{text}\n")
