"""Going on while the database does not answer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from storage.db.database import is_outage
from storage.errors import Busy

log = logging.getLogger(__name__)

_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0

T = TypeVar("T")


class Outage(Exception):
    """The database did not take a call. Nothing was changed."""


def ask(call: Callable[[], T]) -> T:
    """Call a use case or a read. Busy, and what drivers raise for a lost database, is Outage."""
    try:
        return call()
    except Busy as error:
        raise Outage(str(error)) from error
    except Exception as error:
        if not is_outage(error):
            raise
        log.warning("database.unreachable", extra={"why": type(error).__name__})
        raise Outage(type(error).__name__) from error


class Pause:
    """A growing wait between tries, which ends early when `stopping` is set."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._seconds = _FIRST_PAUSE

    def wait(self) -> None:
        self._stopping.wait(self._seconds)
        self._seconds = min(self._seconds * 2, _LONGEST_PAUSE)


def insist(call: Callable[[], T], stopping: threading.Event) -> T:
    """Call until the database takes it. Raises Outage only when told to stop meanwhile."""
    pause = Pause(stopping)
    while True:
        try:
            return ask(call)
        except Outage:
            if stopping.is_set():
                raise
            pause.wait()
