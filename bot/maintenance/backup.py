"""`countersign backup` and `countersign restored`, in words."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from bot.bootstrap import CannotStartError, open_database
from bot.settings import Settings
from storage.db.backup import CannotBackUp, after_restore, back_up, newest_event
from storage.db.engines import whole_url

OK: Final = 0
FAILED: Final = 1
BAD_SETTINGS: Final = 2


def backup(settings: Settings, to: Path) -> int:
    """Copy the SQLite file of DATABASE_URL to `to`; the exit code."""
    url = make_url(whole_url(settings.database_url.get_secret_value()))
    if url.get_backend_name() != "sqlite":
        _complain("DATABASE_URL names a PostgreSQL server: pg_dump makes backups of that.")
        return BAD_SETTINGS
    try:
        back_up(url, to)
    except CannotBackUp as error:
        _complain(str(error))
        return FAILED
    _say(f"{url.database} as it stood when this began is in {to}.")
    return OK


def restored(settings: Settings) -> int:
    """Prepare a database that was restored from a backup; the exit code."""
    try:
        engine = open_database(settings)
    except CannotStartError as error:
        _complain(str(error))
        return BAD_SETTINGS if error.of_settings else FAILED
    messages, newest = after_restore(engine), newest_event(engine)
    engine.dispose()
    until = "nothing" if newest is None else f"what happened until {newest:%Y-%m-%d %H:%M:%S} UTC"
    _say(
        f"The database knows of {until}. At its next start the bot brings {messages} messages in\n"
        "Slack to that state: it looks for those posted since before it posts."
    )
    return OK


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")


def _complain(words: str) -> None:
    sys.stderr.write(f"{words}\n")
