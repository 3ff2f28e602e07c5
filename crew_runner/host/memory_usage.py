"""Measures the memory of a child and its descendants."""

from __future__ import annotations

from contextlib import suppress

import psutil


def memory_megabytes(pid: int) -> int:
    """Memory of the process and its descendants in MB; 0 if the process has exited.

    Shared memory counts once in total, if the system reports proportional sizes.
    """
    processes: list[psutil.Process] = []
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        processes = [process, *process.children(recursive=True)]
    return sum(map(_memory_bytes, processes)) // (1024 * 1024)


def _memory_bytes(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        with suppress(psutil.AccessDenied, AttributeError):
            return int(process.memory_full_info().pss)
        return int(process.memory_info().rss)
    return 0
