"""SIGINT and SIGTERM: the first requests a graceful shutdown, a second one an immediate exit.

Python runs signal handlers in the main thread, between two bytecode instructions. So none runs
while the main thread waits for a lock, and one that interrupts an Event or a log call may deadlock.
The handlers here therefore do nothing. Instead the interpreter writes each signal's number to a
pipe as soon as it arrives, in any thread (`signal.set_wakeup_fd`), and a thread reads the pipe.
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
    """Returns an event that the first signal sets; later ones call `at_once` in another thread.

    From then on the signals no longer end the process themselves. Call it once, in the main thread.
    """
    shutdown = threading.Event()
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)

    def listen() -> None:
        _wait_for_signal(read_end)
        shutdown.set()
        while True:
            _wait_for_signal(read_end)
            at_once()

    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    for number in _SIGNALS:
        signal.signal(number, _do_nothing)
    threading.Thread(target=listen, name="signals", daemon=True).start()
    return shutdown


def _wait_for_signal(read_end: int) -> None:
    """Wait for the next SIGINT or SIGTERM, and log it."""
    while (number := os.read(read_end, 1)[0]) not in _SIGNALS:
        pass
    log.info("signal", extra={"name_of_signal": signal.Signals(number).name})


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    """Without a handler the signal would end the process."""
