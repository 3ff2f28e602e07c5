"""Child processes that share only a database and a pipe with this one."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import ForkServerContext
from typing import Final

PRELOADED: Final = ["tests.trouble.contention.actors"]
"""Modules that the fork server imports once for all of them."""

ENDS_WITHIN: Final = 20.0


def context() -> ForkServerContext:
    forkserver = multiprocessing.get_context("forkserver")
    forkserver.set_forkserver_preload(PRELOADED)
    return forkserver


@contextmanager
def peers(work: Callable[..., None], *each: tuple[object, ...]) -> Iterator[list[Pipe]]:
    """Start one process for each tuple of arguments, and yield its pipe when all are ready.

    A process gets its end of the pipe as the last argument, sends a message when it is ready, and
    ends when the pipe closes.
    """
    pipes, processes = [], []
    for arguments in each:
        ours, theirs = multiprocessing.Pipe()
        process = context().Process(target=work, args=(*arguments, theirs), daemon=True)
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    try:
        for pipe in pipes:
            pipe.recv()
        yield pipes
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.join(ENDS_WITHIN)
            process.kill()
