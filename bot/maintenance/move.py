"""`countersign move`: an installation into another database, and what to do next, in words."""

from __future__ import annotations

import sys
import time
from typing import Final

from sqlalchemy import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError

from bot.bootstrap import install_queue
from crew_runner.host import owners
from storage.db.database import upgrade
from storage.db.engines import DriverMissing, whole_url
from storage.move.move import ROWS_AT_ONCE, Compared, Moved, Progress, Step, move
from storage.move.source import CannotMove, in_words

OK: Final = 0
FAILED: Final = 1
BAD_ARGUMENTS: Final = 2
INTERRUPTED: Final = 130

_TELL_EVERY: Final = 5.0
_SHORT: Final = 12
"""Of a hash's letters, what is printed of it."""


class NotAUrl(Exception):
    """The words say which, and never the URL: a password may stand in it."""


def run(*, source: str, target: str, anew: bool = False, rows_at_once: int = ROWS_AT_ONCE) -> int:
    """Move and tell; the exit code."""
    try:
        here, there = _url(source, "the source"), _url(target, "--to")
    except NotAUrl as error:
        _complain(str(error))
        return BAD_ARGUMENTS
    _say(f"Moving {in_words(here)} to {in_words(there)}.")
    try:
        moved = move(
            here,
            there,
            upgrade=_upgrade,
            is_dead=owners.is_dead,
            tell=ProgressPrinter(),
            anew=anew,
            rows_at_once=rows_at_once,
        )
    except (CannotMove, DriverMissing) as error:
        _complain(str(error))
        return FAILED
    except KeyboardInterrupt:
        _complain("Interrupted. Started again, it goes on where it was.")
        return INTERRUPTED
    return _told(moved, here, there)


class ProgressPrinter:
    """Prints a line a table, and one every few seconds while a table takes long."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        whole = progress.step is Step.COPY and progress.rows == progress.of
        if whole or time.monotonic() - self._told > _TELL_EVERY:
            self._told = time.monotonic()
            _say(f"  {progress.table}: {progress.rows:,} of {progress.of:,} rows {progress.step}")


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def _complain(words: str) -> None:
    sys.stderr.write(f"{words}\n")


def _told(moved: Moved, here: URL, there: URL) -> int:
    if moved.before is not None:
        _say(
            f"A move into {in_words(there)} ended at {moved.before:%Y-%m-%d %H:%M:%S} UTC:"
            " nothing was done."
        )
        return OK
    _say(_table(moved.tables))
    if moved.replaced:
        _say(
            f"{moved.replaced} rows held a NUL character, which PostgreSQL cannot: each NUL is"
            " U+FFFD there."
        )
    if not moved.same:
        for table in moved.tables:
            for one in table.differences:
                _complain(f"{table.table} {' '.join(map(str, one.key))}: {one.how}")
        _complain(
            "The two are not the same, so no bot will start on the new one. Start the move again"
            " with --anew, and write to neither meanwhile."
        )
        return FAILED
    _say(
        "Both hold the same. Next: set DATABASE_URL to the new database on every host, start the\n"
        f"bot and its workers, and keep {in_words(here)} until you are content: it is unchanged."
    )
    return OK


def _table(tables: tuple[Compared, ...]) -> str:
    head = ("table", "rows here", "rows there", "hash here", "hash there", "")
    lines = [head, *map(_figures, tables)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_line(line, widths) for line in lines)


def _figures(table: Compared) -> tuple[str, ...]:
    return (
        table.table,
        f"{table.here.rows:,}",
        f"{table.there.rows:,}",
        table.here.hash[:_SHORT],
        table.there.hash[:_SHORT],
        "same" if table.same else "DIFFERENT",
    )


def _line(line: tuple[str, ...], widths: list[int]) -> str:
    name, *rest = (word.ljust(width) for word, width in zip(line, widths, strict=True))
    figures = [word.rjust(width) for word, width in zip(line[1:3], widths[1:3], strict=True)]
    return "  ".join([name, *figures, *rest[2:]]).rstrip()


def _upgrade(engine: Engine) -> None:
    upgrade(engine, install_queue)


def _url(text: str, name: str) -> URL:
    try:
        url = make_url(whole_url(text))
    except ArgumentError:
        raise NotAUrl(f"{name} is no URL such as postgresql://user@host/countersign.") from None
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise NotAUrl(f"{name} must name a SQLite file or a PostgreSQL server's database.")
    return url
