"""Lease owners: processes, with names that let others check whether they are alive."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from storage.reads import Reads
from storage.state_manager import StateManager

log = logging.getLogger(__name__)

_CLOCK_DRIFT: Final = 1.0
"""Seconds by which two readings of a process's start time may differ."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A process. `host` is its boot and process-id namespace, `started` a Unix time in seconds."""

    host: str
    pid: int
    started: float

    def __str__(self) -> str:
        return f"{self.host}/{self.pid}/{self.started:.2f}"


def this_process() -> Owner:
    pid = os.getpid()
    return Owner(_host(), pid, psutil.Process(pid).create_time())


def is_dead(owner_text: str) -> bool:
    """Whether this owner has certainly exited. False for other hosts, which cannot be checked."""
    owner = _parse(owner_text.partition("#")[0])  # a thread may follow
    if owner is None or owner.host != _host():
        return False
    try:
        started = psutil.Process(owner.pid).create_time()
    except psutil.NoSuchProcess:
        return True
    return abs(started - owner.started) > _CLOCK_DRIFT


def reclaim_leases(state: StateManager, reads: Reads) -> None:
    """Release the leases of dead processes of this host before they expire."""
    dead = [owner for owner in reads.lease_owners() if is_dead(owner)]
    if dead:
        released = state.release_leases(dead)
        log.info("leases.released", extra={"owners": len(dead), "leases": released})


def _parse(owner_text: str) -> Owner | None:
    try:
        host, pid, started = owner_text.rsplit("/", 2)
        return Owner(host, int(pid), float(started))
    except ValueError:
        return None


def _host() -> str:
    """This boot and process-id namespace, because containers reuse each other's ids."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return f"{os.uname().nodename}:{psutil.boot_time():.0f}"
