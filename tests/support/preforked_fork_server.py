"""Nurseries that are forked instead of started anew, and have nothing left to import.

In a process that was forked itself, `put_ready` forks what will be its nursery, as long as it has
one thread. It knows nothing yet. When the process comes to start its nursery, it gets what the
command line and the environment would have said. A second nursery is started as ever.

In the process of the tests, nurseries that are to import CrewAI come `from_launchpad`.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

import psutil
import pytest

from crew_runner.child import fork_server
from crew_runner.host import fork_server_client
from tests.support.prefork_server import MARK, Forked, PreforkServer, name_of

_SET_NAME: Final = 15  # PR_SET_NAME
_LONGEST: Final = 1024 * 1024
_LOOK: Final = 0.01


def put_ready() -> None:
    """From now on the first nursery of this process is the one that is forked here."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        ours.close()
        os.setsid()
        _wait_and_serve(theirs)
    theirs.close()
    vars(fork_server_client)["subprocess"] = _FirstIsThere(pid, ours)


@contextmanager
def from_launchpad(launchpad: PreforkServer) -> Iterator[list[Forked]]:
    """Fork the nurseries of this process from a launchpad that has imported CrewAI.

    Gives those that were forked so far.
    """
    forked: list[Forked] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fork_server_client, "subprocess", _FromLaunchpad(launchpad, forked))
        yield forked


def main(arguments: Sequence[str]) -> NoReturn:
    """A nursery of a process of the tests, which listens on a socket by this name."""
    told = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    told.connect(arguments[0])
    _wait_and_serve(told)


def _wait_and_serve(told: socket.socket) -> NoReturn:
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
    fork_server.serve(fds[0], preload=said["preload"])


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
        with self._tell:
            _tell(self._tell, words, env, pass_fds)
        self._tell = None
        return _Forked(self._pid)


class _FromLaunchpad:
    """What the nursery's module sees of `subprocess` in a process of the tests."""

    DEVNULL: Final = subprocess.DEVNULL
    TimeoutExpired: Final = psutil.TimeoutExpired

    def __init__(self, launchpad: PreforkServer, forked: list[Forked]) -> None:
        self._launchpad = launchpad
        self._forked = forked

    def Popen(  # noqa: N802  # as it is called there
        self, words: Sequence[str], *, env: Mapping[str, str], pass_fds: Sequence[int], **how: Any
    ) -> subprocess.Popen[bytes] | Forked:
        if not words[-1]:  # nothing to import: quick enough
            return subprocess.Popen(words, env=env, pass_fds=pass_fds, **how)
        with (
            tempfile.TemporaryDirectory() as place,
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening,
        ):
            listening.bind(f"{place}/nursery")
            listening.listen()
            forked = self._launchpad.fork(
                [f"{place}/nursery"],
                program=__name__,
                environment=env,
                folder=Path.cwd(),
                log=Path(os.devnull),
            )
            self._forked.append(forked)
            told, _address = listening.accept()
        with told:
            _tell(told, words, env, pass_fds)
        return forked


def _tell(
    nursery: socket.socket, words: Sequence[str], env: Mapping[str, str], fds: Sequence[int]
) -> None:
    *_, preload = words
    said = {"environment": dict(env), "preload": preload}
    socket.send_fds(nursery, [json.dumps(said).encode()], fds)


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
