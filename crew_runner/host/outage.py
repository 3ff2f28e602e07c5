"""Calls to storage that survive an unreachable database."""

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
    """The database did not accept the call. Nothing was changed."""


def call_storage(call: Callable[[], T]) -> T:
    """Call a use case or a read.

    Raises Outage if the database is busy or, by the driver's error, unreachable.
    """
    try:
        return call()
    except Busy as error:
        raise Outage(str(error)) from error
    except Exception as error:
        if not is_outage(error):
            raise
        log.warning("database.unreachable", extra={"why": type(error).__name__})
        raise Outage(type(error).__name__) from error


def call_storage_with_retry(call: Callable[[], T], stopping: threading.Event) -> T:
    """Call until the database accepts it. Raises Outage only if `stopping` is set."""
    answer: T = retrying_until(stopping, BACKOFF, on=Outage)(call_storage, call)
    return answer
