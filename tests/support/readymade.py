"""The nursery of a process that was forked itself: forked too, instead of started anew.

`put_ready` forks what will be the nursery, as long as the process has one thread. It knows nothing
yet. When the process comes to start its nursery, it gets what the command line and the environment
would have said, and has then nothing left to import. A second nursery is started as ever.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

from crew_runner import forking, nursery
from tests.support.launchpad import MARK, name_of

_SET_NAME: Final = 15  # PR_SET_NAME
_LONGEST: Final = 1024 * 1024
_LOOK: Final = 0.01


def put_ready() -> None:
    """From now on the first nursery of this process is the one that is forked here."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        ours.close()
        _wait_and_serve(theirs)
    theirs.close()
    vars(nursery)["subprocess"] = _FirstIsThere(pid, ours)


def _wait_and_serve(told: socket.socket) -> NoReturn:
    os.setsid()
    if MARK in os.environ:
        ctypes.CDLL(None).prctl(_SET_NAME, name_of(os.environ[MARK]).encode(), 0, 0, 0)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.closerange(3, told.fileno())
    os.closerange(told.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    message, fds, _flags, _address = socket.recv_fds(told, _LONGEST, 1)
    if not message:  # it ended without a nursery
        os._exit(0)
    told.close()
    said = json.loads(message)
    os.environ.clear()
    os.environ.update(said["environment"])
    sys.path.insert(0, said["root"])
    forking.serve(fds[0], preload=said["preload"])


class _FirstIsThere:
    """What the nursery's module sees of `subprocess`."""

    DEVNULL: Final = subprocess.DEVNULL
    TimeoutExpired: Final = subprocess.TimeoutExpired

    def __init__(self, pid: int, tell: socket.socket) -> None:
        self._pid = pid
        self._tell: socket.socket | None = tell

    def Popen(  # noqa: N802  # as it is called there
        self, words: Sequence[str], *, env: Mapping[str, str], pass_fds: Sequence[int], **how: Any
    ) -> subprocess.Popen[bytes] | _Forked:
        if self._tell is None:
            return subprocess.Popen(words, env=env, pass_fds=pass_fds, **how)
        *_, root, preload = words
        said = {"environment": dict(env), "root": root, "preload": preload}
        with self._tell:
            socket.send_fds(self._tell, [json.dumps(said).encode()], pass_fds)
        self._tell = None
        return _Forked(self._pid)


class _Forked:
    """As much of a `Popen` as its nursery asks for."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        until = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired("the nursery", timeout or 0.0)
            time.sleep(_LOOK)
        return code

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, 9)
