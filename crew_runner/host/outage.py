"""Going on while the database does not answer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from storage.backoff import Backoff, retrying_until
from storage.db.database import is_outage
from storage.errors import Busy

log = logging.getLogger(__name__)

BACKOFF: Final = Backoff(first=0.2, longest=5.0)

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


def insist(call: Callable[[], T], stopping: threading.Event) -> T:
    """Call until the database takes it. Raises Outage only if told to stop meanwhile."""
    answer: T = retrying_until(stopping, BACKOFF, on=Outage)(ask, call)
    return answer
