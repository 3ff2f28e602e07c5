"""The descendants of a process, from /proc or, without it, from `ps`.

psutil does this too, but the child runs under its crew's interpreter, where only CrewAI and its
dependencies are installed.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_CHILDREN_LISTED: Final = Path(f"/proc/self/task/{os.getpid()}/children").exists()
"""Whether the kernel lists a process's children; otherwise all processes are searched."""

_PROC: Final = Path("/proc/self/stat").exists()
_PARENT, _STARTED = 1, 19
"""The fields of /proc/PID/stat, counted from the one after the program's name."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process, identified by its id and start time, because ids are reused."""

    pid: int
    started: str

    def kill(self) -> None:
        if _started(self.pid) == self.started:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, signal.SIGKILL)


def with_descendants(pid: int) -> list[Process]:
    """The process and its descendants, also in other sessions; empty if it has exited."""
    started = _started(pid)
    return [] if started is None else [Process(pid, started), *descendants(pid)]


def descendants(pid: int) -> list[Process]:
    return [process for child in children(pid) for process in with_descendants(child)]


def children(pid: int) -> list[int]:
    """The ids of its children; empty if it has exited."""
    if not _CHILDREN_LISTED:
        return [child for child, parent in _parents() if parent == pid]
    listed = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # the thread or the process has ended
            listed += [int(child) for child in file.read_text().split()]
    return listed


def _started(pid: int) -> str | None:
    if not _PROC:
        return _ps("-o", "lstart=", "-p", str(pid)).strip() or None
    fields = _stat(str(pid))
    return fields[_STARTED] if fields else None


def _parents() -> Iterator[tuple[int, int]]:
    """Every process with its parent."""
    if not _PROC:
        for line in _ps("-A", "-o", "pid=,ppid=").splitlines():
            pid, parent = line.split()
            yield int(pid), int(parent)
        return
    for name in filter(str.isdecimal, os.listdir("/proc")):
        if fields := _stat(name):
            yield int(name), int(fields[_PARENT])


def _stat(pid: str) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _ps(*arguments: str) -> str:
    return subprocess.run(  # noqa: S603 fixed arguments
        ["ps", *arguments],  # noqa: S607 its path depends on the system
        capture_output=True,
        text=True,
        check=False,
    ).stdout
