"""Ctrl-C and SIGTERM: the first asks for a peaceful end, a second one for an end at once.

Python runs signal handlers in the main thread, between two steps of its own: a main thread that
waits in a lock runs none, and a handler that interrupts one in the middle of an Event or of a log
line may wait for itself for ever. So the handlers here do nothing. What counts is the byte that
the interpreter writes to a pipe as soon as a signal comes, whichever thread it is given to, and a
thread that reads it.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final

log = logging.getLogger(__name__)

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def shutdown_requested(*, at_once: Callable[[], None]) -> threading.Event:
    """An event that the first signal sets; a second signal calls `at_once` in another thread.

    From now on the process ends no more by itself when it is told to. Only the main thread may
    call this, and once.
    """
    told = threading.Event()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def listen() -> None:
        _next(reading)
        told.set()
        while True:
            _next(reading)
            at_once()

    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in _SIGNALS:
        signal.signal(number, _do_nothing)
    threading.Thread(target=listen, name="signals", daemon=True).start()
    return told


def _next(reading: int) -> None:
    """Wait for the next signal that tells to end."""
    while (number := os.read(reading, 1)[0]) not in _SIGNALS:
        pass
    log.info("signal", extra={"name_of_signal": signal.Signals(number).name})


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    """A handler has to be there, or the signal would end the process."""
