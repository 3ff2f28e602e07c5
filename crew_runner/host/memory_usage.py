"""How much memory a child and all that it started hold."""

from __future__ import annotations

from contextlib import suppress

import psutil


def megabytes_of(pid: int) -> int:
    """Of the process and its descendants; 0 if it has ended.

    What several processes share counts once in all, as far as the system tells.
    """
    family: list[psutil.Process] = []
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    return sum(map(_bytes_of, family)) // (1024 * 1024)


def _bytes_of(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        with suppress(psutil.AccessDenied, AttributeError):
            return int(process.memory_full_info().pss)
        return int(process.memory_info().rss)
    return 0
