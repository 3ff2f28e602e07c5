"""Notifies systemd that the process is ready, alive or stopping (sd_notify)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

_HEARTBEATS: Final = 2
"""Heartbeats within the watchdog's period, after which systemd restarts the process."""


class Systemd:
    """Sends notifications to `notify_socket`; does nothing if that is None.

    `watchdog`: the watchdog's period in seconds, or None if there is no watchdog. Heartbeats are
    sent only while `alive` returns True.
    """

    def __init__(
        self, notify_socket: str | None, *, watchdog: float | None, alive: Callable[[], bool]
    ) -> None:
        self._address = notify_socket
        self._watchdog = watchdog
        self._alive = alive
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._send_heartbeats, name="watchdog", daemon=True)

    def ready(self) -> None:
        self._notify("READY=1")
        if self._address is not None and self._watchdog is not None:
            self._thread.start()

    def stopping(self) -> None:
        """Announce the shutdown. Heartbeats continue, because it may take a while."""
        self._notify("STOPPING=1")

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _send_heartbeats(self) -> None:
        interval = (self._watchdog or 0.0) / _HEARTBEATS
        while not self._stopped.wait(interval):
            if self._alive():
                self._notify("WATCHDOG=1")

    def _notify(self, state: str) -> None:
        if self._address is None:
            return
        # An abstract socket's name starts with a zero byte, which systemd writes as an @.
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out, suppress(OSError):
            out.sendto(state.encode(), address)
