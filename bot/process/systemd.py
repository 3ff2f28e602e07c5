"""Tells systemd that the process is ready, that it lives, and that it ends (sd_notify)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

_BEATS: Final = 2
"""Signs of life in the time after which systemd would take the process for stuck."""


class Systemd:
    """`notify_socket`: where systemd listens, None without it. `watchdog`: its seconds, or None."""

    def __init__(
        self, notify_socket: str | None, *, watchdog: float | None, alive: Callable[[], bool]
    ) -> None:
        self._address = notify_socket
        self._watchdog = watchdog
        self._alive = alive
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="watchdog", daemon=True)

    def ready(self) -> None:
        self._say("READY=1")
        if self._address is not None and self._watchdog is not None:
            self._thread.start()

    def stopping(self) -> None:
        """The signs of life go on: the end may take its time."""
        self._say("STOPPING=1")

    def stop(self) -> None:
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _beat(self) -> None:
        every = (self._watchdog or 0.0) / _BEATS
        while not self._over.wait(every):
            if self._alive():
                self._say("WATCHDOG=1")

    def _say(self, words: str) -> None:
        if self._address is None:
            return
        # An abstract socket's name begins with a zero byte, which systemd writes as an @.
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out, suppress(OSError):
            out.sendto(words.encode(), address)
