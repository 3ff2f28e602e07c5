"""What systemd is notified of (sd_notify)."""

from __future__ import annotations

import socket
from pathlib import Path

from bot.process.systemd import Systemd


def test_systemd_is_notified_of_the_start_of_heartbeats_and_of_the_stop(tmp_path: Path) -> None:
    alive = True
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        address = str(tmp_path / "notify")
        listening.bind(address)
        listening.settimeout(10)
        systemd = Systemd(address, watchdog=0.1, alive=lambda: alive)
        systemd.ready()
        assert [listening.recv(100) for _ in range(3)] == [b"READY=1", *[b"WATCHDOG=1"] * 2]
        alive = False
        systemd.stopping()
        received = _receive_until_quiet(listening)
        systemd.stop()

    assert received[-1] == b"STOPPING=1" or received[-2:] == [b"STOPPING=1", b"WATCHDOG=1"]


def _receive_until_quiet(listening: socket.socket) -> list[bytes]:
    """What is received until nothing arrives for six heartbeats."""
    listening.settimeout(0.3)
    received: list[bytes] = []
    try:
        while len(received) < 20:
            received.append(listening.recv(100))
    except TimeoutError:
        return received
    return received


def test_without_systemd_nothing_is_sent_and_nothing_fails() -> None:
    systemd = Systemd(None, watchdog=None, alive=lambda: True)
    systemd.ready()
    systemd.stopping()
    systemd.stop()
