"""Fork servers that are forked instead of started, so that they have nothing left to import.

In a process that was forked itself, `put_ready` forks its future fork server while the process has
one thread. When the process starts its fork server, the waiting one gets the environment and the
arguments that a new one would get. A second fork server, and one with a project's own Python, are
started as usual.

In the process of the tests, fork servers that import CrewAI come `from_launchpad`.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

import psutil
import pytest

from crew_runner.child.process.start import PACKAGE, load_package
from crew_runner.host import fork_server_client, fork_servers
from tests.support.prefork_server import MARK, Forked, PreforkServer, name_of

_SET_NAME: Final = 15  # PR_SET_NAME
_LONGEST: Final = 1024 * 1024
_LOOK: Final = 0.01


def prefork_fork_server() -> None:
    """Fork the process that becomes the first fork server of this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        ours.close()
        os.setsid()
        _wait_and_serve(theirs)
    theirs.close()
    vars(fork_server_client)["subprocess"] = _FirstIsThere(pid, ours)
    # A successor that has imported what a project needs would import CrewAI anew.
    vars(fork_servers)["ForkServers"].learn = lambda *_: None


@contextmanager
def from_prefork_server(prefork_server: PreforkServer) -> Iterator[list[Forked]]:
    """Fork the fork servers of this process from a launchpad that has imported CrewAI.

    Yields those that were forked so far.
    """
    forked: list[Forked] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fork_server_client, "subprocess", _FromLaunchpad(prefork_server, forked))
        yield forked


def main(arguments: Sequence[str]) -> NoReturn:
    """Become a fork server of a test process, which listens on the socket `arguments[0]`."""
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control.connect(arguments[0])
    _wait_and_serve(control)


def _wait_and_serve(control: socket.socket) -> NoReturn:
    if MARK in os.environ:
        ctypes.CDLL(None).prctl(_SET_NAME, name_of(os.environ[MARK]).encode(), 0, 0, 0)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.closerange(3, control.fileno())
    os.closerange(control.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    message, fds, _flags, _address = socket.recv_fds(control, _LONGEST, 1)
    if not message:  # it ended without starting a fork server
        os._exit(0)
    control.close()
    start = json.loads(message)
    os.environ.clear()
    os.environ.update(start["environment"])
    if PACKAGE not in sys.modules:
        load_package()
    importlib.import_module(f"{PACKAGE}.process.fork_server").serve(
        fds[0], preload=start["preload"], plan=start["plan"]
    )
    raise AssertionError("a fork server does not return")


class _FirstIsThere:
    """Replaces `subprocess` in the fork server client."""

    DEVNULL: Final = subprocess.DEVNULL
    TimeoutExpired: Final = subprocess.TimeoutExpired

    def __init__(self, pid: int, control: socket.socket) -> None:
        self._pid = pid
        self._control: socket.socket | None = control

    def Popen(  # noqa: N802  # as it is called there
        self, words: Sequence[str], *, env: Mapping[str, str], pass_fds: Sequence[int], **how: Any
    ) -> subprocess.Popen[bytes] | _Forked:
        if self._control is None or words[0] != sys.executable:
            return subprocess.Popen(words, env=env, pass_fds=pass_fds, **how)
        with self._control:
            _send_start(self._control, words, env, pass_fds)
        self._control = None
        return _Forked(self._pid)


class _FromLaunchpad:
    """Replaces `subprocess` in the fork server client of a test process."""

    DEVNULL: Final = subprocess.DEVNULL
    TimeoutExpired: Final = (psutil.TimeoutExpired, subprocess.TimeoutExpired)

    def __init__(self, prefork_server: PreforkServer, forked: list[Forked]) -> None:
        self._launchpad = prefork_server
        self._forked = forked

    def Popen(  # noqa: N802  # as it is called there
        self, words: Sequence[str], *, env: Mapping[str, str], pass_fds: Sequence[int], **how: Any
    ) -> subprocess.Popen[bytes] | Forked:
        if not words[3]:  # nothing to import: fast enough
            return subprocess.Popen(words, env=env, pass_fds=pass_fds, **how)
        if words[0] != sys.executable:
            return subprocess.Popen(words, env=env, pass_fds=pass_fds, **how)
        with (
            tempfile.TemporaryDirectory() as place,
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening,
        ):
            listening.bind(f"{place}/fork-server")
            listening.listen()
            forked = self._launchpad.fork(
                [f"{place}/fork-server"],
                program=__name__,
                environment=env,
                folder=Path.cwd(),
                log=Path(os.devnull),
            )
            self._forked.append(forked)
            control, _address = listening.accept()
        with control:
            _send_start(control, words, env, pass_fds)
        return forked


def _send_start(
    fork_server_socket: socket.socket,
    words: Sequence[str],
    env: Mapping[str, str],
    fds: Sequence[int],
) -> None:
    _python, _program, _control, preload, *plan = words
    start = {"environment": dict(env), "preload": preload, "plan": "".join(plan)}
    socket.send_fds(fork_server_socket, [json.dumps(start).encode()], fds)


class _Forked:
    """As much of `Popen` as the fork server client uses."""

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
                raise subprocess.TimeoutExpired("the fork server", timeout or 0.0)
            time.sleep(_LOOK)
        return code

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, 9)
