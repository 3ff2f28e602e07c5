"""Processes beside this one: they share nothing with it but a database and a pipe."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import ForkServerContext
from typing import Final

WARMED: Final = ["tests.trouble.contention.actors"]
"""Imported once, by the process that all of them are forked from."""

ENDS_WITHIN: Final = 20.0


def context() -> ForkServerContext:
    chosen = multiprocessing.get_context("forkserver")
    chosen.set_forkserver_preload(WARMED)
    return chosen


@contextmanager
def peers(work: Callable[..., None], *each: tuple[object, ...]) -> Iterator[list[Pipe]]:
    """One process for each of these arguments, which are followed by its end of a pipe.

    It ends when its pipe does. Returns when all have said something: that they are ready.
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
