"""Runs a module as `python -m` does, and ends it when the process that started it is gone.

`python -m bot.process.parent_watch FD MODULE ARGUMENTS…`: FD is the reading end of a pipe. Only
the parent holds the writing end, so the pipe closes when the parent ends, for any reason.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
from typing import Final

GRACE_SECONDS: Final = 20.0


def watch(fd: int) -> None:
    """From now on the end of the pipe ends this process: SIGTERM, and after a grace at once."""
    threading.Thread(target=_wait_for_end, args=(fd,), name="lifeline", daemon=True).start()


def _wait_for_end(fd: int) -> None:
    while os.read(fd, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    watch(int(sys.argv[1]))
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
