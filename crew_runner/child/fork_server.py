"""The process that children are forked from.

It is clean: started by exec with the bot's variables taken out, with crewai already imported, one
thread, and no crew code ever. It forks a child in tens of milliseconds, ends whatever a child left
behind, and ends all of them, itself last, when its worker ends.
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import importlib
import os
import select
import selectors
import shutil
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

from crew_runner.child import main
from crew_runner.child.environment import scrub
from crew_runner.child.process_tree import Process, children, descendants, with_descendants

REQUEST: Final = struct.Struct("!cii")
"""What the worker sends: FORK with three descriptors (channel, noise, status), or KILL with a
process id and a signal."""

FORK: Final = b"f"
KILL: Final = b"k"

PID: Final = struct.Struct("!i")
"""What goes to a child's status first: its process id."""

STATUS: Final = struct.Struct("!i")
"""And last, when it was reaped: its exit code, negative for a signal."""

_SUBREAPER: Final = 36  # PR_SET_CHILD_SUBREAPER


@dataclass(slots=True)
class _Child:
    """`status`: where its end is told. `family`: what it had started when it was told to end."""

    status: int
    family: list[Process] = field(default_factory=list)


def serve(control_fd: int, *, preload: str) -> NoReturn:
    """Fork children for whoever holds the other end of `control_fd`, until that end closes."""
    _adopt_orphans()
    storage = Path(os.environ["CREWAI_STORAGE_DIR"])
    control = socket.socket(fileno=control_fd)
    if preload:
        with _leaving_if_closed(control, storage):
            _import_quietly(preload)
    scrub()
    gc.collect()
    gc.freeze()  # children then share these pages instead of copying them
    _ForkServer(control, storage).watch()


class _ForkServer:
    """The children that live, and what wakes the process: the worker's words and their ends."""

    def __init__(self, control: socket.socket, storage: Path) -> None:
        self._control = control
        self._storage = storage
        self._children: dict[int, _Child] = {}
        self._ended, self._alarm = os.pipe()
        os.set_blocking(self._ended, False)
        os.set_blocking(self._alarm, False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(self._alarm)

    def watch(self) -> NoReturn:
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(self._ended, selectors.EVENT_READ)
            while True:
                for key, _events in selector.select():
                    if key.fileobj is self._control:
                        self._answer()
                    else:
                        os.read(self._ended, 4096)
                        self._reap()

    def _answer(self) -> None:
        request, fds, _flags, _address = socket.recv_fds(self._control, REQUEST.size, 3)
        if len(request) < REQUEST.size:
            self._end()
        operation, pid, number = REQUEST.unpack(request)
        if operation == FORK:
            self._fork(*fds)
        elif pid in self._children:
            self._children[pid].family = descendants(pid)
            self._kill(pid, signal.Signals(number))

    def _fork(self, channel: int, noise: int, status: int) -> None:
        pid = os.fork()
        if pid == 0:
            self._control.close()
            others = (each.status for each in self._children.values())
            for fd in (status, *others, self._ended, self._alarm):
                os.close(fd)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _adopt_orphans()  # what it starts stays below it as long as it lives
            main.main(channel, noise)
        os.close(channel)
        os.close(noise)
        self._children[pid] = _Child(status)
        _tell(status, PID.pack(pid))

    def _kill(self, pid: int, number: signal.Signals) -> None:
        """Signal a child that was not reaped yet, with its group; SIGKILL: with its family."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)
        with suppress(ProcessLookupError):
            os.kill(pid, number)  # a child so young that it has no group yet
        if number == signal.SIGKILL:
            _kill_all(self._children[pid].family)

    def _reap(self) -> None:
        """Collect what has ended. What a child leaves behind is killed before its id is free."""
        for pid in list(self._children):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            self._kill(pid, signal.SIGKILL)
            _pid, status = os.waitpid(pid, 0)
            ended = self._children.pop(pid)
            _tell(ended.status, STATUS.pack(os.waitstatus_to_exitcode(status)))
            os.close(ended.status)
        self._kill_strays()
        self._reap_orphans()

    def _kill_strays(self) -> None:
        """Kill what a child left behind that has ended: nothing else comes to this process.

        One that begets others meanwhile brings us here again when it ends.
        """
        for pid in children(os.getpid()):
            if pid not in self._children:
                _kill_all(with_descendants(pid))

    def _reap_orphans(self) -> None:
        with suppress(ChildProcessError):
            while orphan := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if orphan.si_pid in self._children:
                    return  # it ended just now: the next round takes it
                os.waitpid(orphan.si_pid, 0)

    def _end(self) -> NoReturn:
        family = descendants(os.getpid())
        for pid in self._children:
            self._kill(pid, signal.SIGKILL)
        _kill_all(family)
        shutil.rmtree(self._storage, ignore_errors=True)
        os._exit(0)


def _adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, so that they can be reaped."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


@contextmanager
def _leaving_if_closed(control: socket.socket, storage: Path) -> Iterator[None]:
    """End at once if the worker ends meanwhile: imports take seconds and ask nobody."""

    def look(_number: int, _frame: object) -> None:
        poll = select.poll()
        poll.register(control, 0)
        if any(event & select.POLLHUP for _fd, event in poll.poll(0)):
            shutil.rmtree(storage, ignore_errors=True)
            os._exit(0)

    flags = fcntl.fcntl(control, fcntl.F_GETFL)
    signal.signal(signal.SIGIO, look)
    fcntl.fcntl(control, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(control, fcntl.F_SETFL, flags | os.O_ASYNC)
    look(signal.SIGIO, None)  # it may have ended before it could be noticed
    yield
    fcntl.fcntl(control, fcntl.F_SETFL, flags)
    signal.signal(signal.SIGIO, signal.SIG_DFL)


def _import_quietly(module: str) -> None:
    # crewai reads `.env` when it is imported; what stands there is the bot's, not the crews'.
    os.environ["PYTHON_DOTENV_DISABLED"] = "true"
    importlib.import_module(module)
    del os.environ["PYTHON_DOTENV_DISABLED"]


def _kill_all(processes: list[Process]) -> None:
    for process in processes:
        process.kill()


def _tell(fd: int, words: bytes) -> None:
    with suppress(BrokenPipeError):
        os.write(fd, words)
