"""Keeps a crew from reading the bot's settings and database, which its account could open.

Crews find the bot's `.env` without looking for it: python-dotenv searches the folders above the
calling file, and CrewAI itself is often installed below the bot's folder. A crew that loads that
file gets only what the bot passes on to crews. Opening it, or the database, in any other way fails
as if it did not exist.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from dotenv.main import DotEnv

_OF_PATHS: Final = {
    "open": 1,
    "os.link": 1,
    "os.remove": 1,
    "os.rename": 2,
    "os.truncate": 1,
}
"""Audit events, and how many of their first arguments are paths."""

_CONNECT: Final = "sqlite3.connect"
_REFRESH_SECONDS: Final = 0.5


class SecretFiles:
    """Files of the bot. They are recognized under every path and link that leads to them."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = tuple(os.path.realpath(path) for path in paths)
        self._read_ids()

    def _read_ids(self) -> None:
        """An editor replaces files, and ids of deleted files are used again for others."""
        self._ids = {_id(path) for path in self._paths} - {None}
        self._refresh_at = time.monotonic() + _REFRESH_SECONDS

    def __contains__(self, path: object) -> bool:
        if not self._paths:
            return False
        found = _id(path)
        if found is None:
            return self._would_be_created(path)
        if found in self._ids or time.monotonic() > self._refresh_at:
            self._read_ids()
        return found in self._ids

    def _would_be_created(self, path: object) -> bool:
        with suppress(TypeError, ValueError, OSError):
            return os.path.realpath(os.fsdecode(path)) in self._paths  # type: ignore[arg-type]  # a TypeError is expected
        return False


def hide(files: SecretFiles) -> None:
    """Refuse to open, move or delete the files in this process, for the rest of its life."""

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _OF_PATHS:
            for path in arguments[: _OF_PATHS[event]]:
                if path in files:
                    shown = None if isinstance(path, int) else os.fspath(path)
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), shown)
        elif event == _CONNECT and _database_path(arguments[0]) in files:
            raise sqlite3.OperationalError("unable to open database file")

    sys.addaudithook(refuse)


def filter_dotenv(
    files: SecretFiles, passed_on: Mapping[str, str], hidden: Collection[str] = ()
) -> None:
    """Make python-dotenv read `passed_on` in place of the bot's files.

    In other files it skips the variables in `hidden`.
    """
    parse = DotEnv.parse

    def parse_filtered(self: DotEnv) -> Iterator[tuple[str, str | None]]:
        if self.dotenv_path and self.dotenv_path in files:
            yield from passed_on.items()
            return
        for name, value in parse(self):
            if name not in hidden:
                yield name, value

    DotEnv.parse = parse_filtered  # type: ignore[method-assign]


def _id(path: object) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # type: ignore[arg-type]  # a TypeError is expected
    except (OSError, TypeError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _database_path(database: object) -> object:
    """The path in a name that SQLite takes: a path, or a URI such as `file:a.db?mode=ro`."""
    with suppress(TypeError, ValueError):
        name = os.fsdecode(database)  # type: ignore[arg-type]  # a TypeError is expected
        return unquote(urlsplit(name).path) if name.startswith("file:") else name
    return None
