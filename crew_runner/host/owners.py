"""Owners of leases: processes, named so that others can tell whether they are alive."""

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
"""Seconds by which two readings of a process's start may differ."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A process of some host: boot and process-id namespace, id, start in seconds."""

    host: str
    pid: int
    started: float

    def __str__(self) -> str:
        return f"{self.host}/{self.pid}/{self.started:.2f}"


def this_process() -> Owner:
    pid = os.getpid()
    return Owner(_host(), pid, psutil.Process(pid).create_time())


def is_dead(written: str) -> bool:
    """Whether this owner certainly no longer runs. False of any other host: nobody here knows."""
    owner = _read(written.partition("#")[0])  # a thread of it may follow
    if owner is None or owner.host != _host():
        return False
    try:
        started = psutil.Process(owner.pid).create_time()
    except psutil.NoSuchProcess:
        return True
    return abs(started - owner.started) > _CLOCK_DRIFT


def reclaim_leases(state: StateManager, reads: Reads) -> None:
    """Release the leases of processes of this host that are dead, instead of waiting for them."""
    dead = [owner for owner in reads.lease_owners() if is_dead(owner)]
    if dead:
        released = state.release_leases(dead)
        log.info("leases.released", extra={"owners": len(dead), "leases": released})


def _read(written: str) -> Owner | None:
    try:
        host, pid, started = written.rsplit("/", 2)
        return Owner(host, int(pid), float(started))
    except ValueError:
        return None


def _host() -> str:
    """This boot and namespace: in two containers the same id means two processes."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return f"{os.uname().nodename}:{psutil.boot_time():.0f}"
