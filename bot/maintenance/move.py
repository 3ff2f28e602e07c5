"""`countersign move`: copies an installation to another database, and says what to do next."""

from __future__ import annotations

import sys
import time
from typing import Final

from sqlalchemy import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError

from bot.bootstrap import install_queue
from crew_runner.host import owners
from storage.db.database import upgrade
from storage.db.engines import DriverMissing, normalize_url
from storage.move.move import ROWS_AT_ONCE, Compared, Moved, Progress, Step, move
from storage.move.source import CannotMove, in_words

OK: Final = 0
FAILED: Final = 1
BAD_ARGUMENTS: Final = 2
INTERRUPTED: Final = 130

_PROGRESS_SECONDS: Final = 5.0
_HASH_DIGITS: Final = 12
"""How many digits of a hash are printed."""


class InvalidUrl(Exception):
    """The message names the argument, but not the URL, which may contain a password."""


def run(*, source: str, target: str, anew: bool = False, rows_at_once: int = ROWS_AT_ONCE) -> int:
    """Move, and print the progress and the result. Returns the exit code."""
    try:
        here, there = _parse_url(source, "the source"), _parse_url(target, "--to")
    except InvalidUrl as error:
        _print_error(str(error))
        return BAD_ARGUMENTS
    _print(f"Moving {in_words(here)} to {in_words(there)}.")
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
        _print_error(str(error))
        return FAILED
    except KeyboardInterrupt:
        _print_error("Interrupted. Run the command again to continue.")
        return INTERRUPTED
    return _report(moved, here, there)


class ProgressPrinter:
    """Prints a line per table, and one every few seconds while a table takes longer."""

    def __init__(self) -> None:
        self._printed_at = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        copied = progress.step is Step.COPY and progress.rows == progress.of
        if copied or time.monotonic() - self._printed_at > _PROGRESS_SECONDS:
            self._printed_at = time.monotonic()
            _print(f"  {progress.table}: {progress.rows:,} of {progress.of:,} rows {progress.step}")


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _print_error(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _report(moved: Moved, here: URL, there: URL) -> int:
    if moved.before is not None:
        _print(
            f"A move to {in_words(there)} was completed at {moved.before:%Y-%m-%d %H:%M:%S} UTC:"
            " nothing was done."
        )
        return OK
    _print(_table(moved.tables))
    if moved.replaced:
        _print(
            f"{moved.replaced} rows contained NUL characters, which PostgreSQL cannot store. Each"
            " was replaced by U+FFFD."
        )
    if not moved.same:
        for table in moved.tables:
            for difference in table.differences:
                key = " ".join(map(str, difference.key))
                _print_error(f"{table.table} {key}: {difference.how}")
        _print_error(
            "The two databases differ, so no bot will start on the new one. Run the move again"
            " with --anew, and let nothing write to either database until it is done."
        )
        return FAILED
    _print(
        "Both databases are the same. Next: set DATABASE_URL to the new database on every host\n"
        f"and start the bot and its workers. {in_words(here)} is unchanged: keep it until all is"
        " well."
    )
    return OK


def _table(tables: tuple[Compared, ...]) -> str:
    head = ("table", "rows here", "rows there", "hash here", "hash there", "")
    rows = [head, *map(_cells, tables)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _cells(table: Compared) -> tuple[str, ...]:
    return (
        table.table,
        f"{table.here.rows:,}",
        f"{table.there.rows:,}",
        table.here.hash[:_HASH_DIGITS],
        table.there.hash[:_HASH_DIGITS],
        "same" if table.same else "DIFFERENT",
    )


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    name, *rest = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    counts = [cell.rjust(width) for cell, width in zip(cells[1:3], widths[1:3], strict=True)]
    return "  ".join([name, *counts, *rest[2:]]).rstrip()


def _upgrade(engine: Engine) -> None:
    upgrade(engine, install_queue)


def _parse_url(text: str, name: str) -> URL:
    try:
        url = make_url(normalize_url(text))
    except ArgumentError:
        raise InvalidUrl(
            f"{name} must be a URL such as postgresql://user@host/countersign."
        ) from None
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise InvalidUrl(f"{name} must name a SQLite file or a PostgreSQL database.")
    return url
