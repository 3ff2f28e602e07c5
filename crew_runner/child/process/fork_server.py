"""The fork server: a clean process from which children are forked.

It is started by exec without the bot's variables, has crewai imported, one thread, and never runs
crew code. It forks a child in tens of milliseconds, kills the processes that a child leaves behind,
and kills all children and exits when its worker ends.
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

from .. import main
from ..environment import scrub
from .process_tree import Process, children, descendants, with_descendants

REQUEST: Final = struct.Struct("!cii")
"""A request of the worker: FORK with three descriptors (channel, output, status), or KILL with a
process id and a signal."""

FORK: Final = b"f"
KILL: Final = b"k"

PID: Final = struct.Struct("!i")
"""Written to a child's status first: its process id."""

STATUS: Final = struct.Struct("!i")
"""Written last, when the child was reaped: its exit code, negative for a signal."""

READY: Final = b"r"
"""Sent to the worker once, before the first request is handled."""

_SUBREAPER: Final = 36  # PR_SET_CHILD_SUBREAPER


@dataclass(slots=True)
class _Child:
    """`status`: its pipe. `descendants`: the processes below it when it was last signalled."""

    status: int
    descendants: list[Process] = field(default_factory=list)


def serve(control_fd: int, *, preload: str, plan: str = "") -> NoReturn:
    """Fork children on request from the other end of `control_fd`, until that end closes.

    `preload` is a module to import first, `plan` the file with what else to import.
    """
    _adopt_orphans()
    storage = Path(os.environ["CREWAI_STORAGE_DIR"])
    control = socket.socket(fileno=control_fd)
    if preload:
        with _exiting_if_closed(control, storage):
            _import_without_dotenv(preload, plan)
    scrub()
    gc.collect()
    gc.freeze()  # children then share these pages instead of copying them
    with suppress(BrokenPipeError):
        control.send(READY)
    _ForkServer(control, storage).serve_requests()


class _ForkServer:
    """Handles requests of the worker and reaps children."""

    def __init__(self, control: socket.socket, storage: Path) -> None:
        self._control = control
        self._storage = storage
        self._children: dict[int, _Child] = {}
        self._wakeup, self._wakeup_writer = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(self._wakeup_writer, False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(self._wakeup_writer)

    def serve_requests(self) -> NoReturn:
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(self._wakeup, selectors.EVENT_READ)
            while True:
                for key, _events in selector.select():
                    if key.fileobj is self._control:
                        self._handle_request()
                    else:
                        os.read(self._wakeup, 4096)
                        self._reap()

    def _handle_request(self) -> None:
        try:
            request, fds, _flags, _address = socket.recv_fds(self._control, REQUEST.size, 3)
        except ConnectionResetError:  # the worker ended without reading READY
            self._shut_down()
        if len(request) < REQUEST.size:
            self._shut_down()
        operation, pid, number = REQUEST.unpack(request)
        if operation == FORK:
            self._fork(*fds)
        elif pid in self._children:
            self._children[pid].descendants = descendants(pid)
            self._kill(pid, signal.Signals(number))

    def _fork(self, channel: int, output: int, status: int) -> None:
        pid = os.fork()
        if pid == 0:
            self._control.close()
            others = (each.status for each in self._children.values())
            for fd in (status, *others, self._wakeup, self._wakeup_writer):
                os.close(fd)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _adopt_orphans()  # its descendants stay below it as long as it lives
            main.main(channel, output)
        os.close(channel)
        os.close(output)
        self._children[pid] = _Child(status)
        _send(status, PID.pack(pid))

    def _kill(self, pid: int, number: signal.Signals) -> None:
        """Signal a child and its group; SIGKILL also kills its known descendants."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)
        with suppress(ProcessLookupError):
            os.kill(pid, number)  # a new child that has no group yet
        if number == signal.SIGKILL:
            _kill_all(self._children[pid].descendants)

    def _reap(self) -> None:
        """Reap exited children. Processes they leave behind are killed before the id is free."""
        for pid in list(self._children):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            self._kill(pid, signal.SIGKILL)
            _pid, status = os.waitpid(pid, 0)
            child = self._children.pop(pid)
            _send(child.status, STATUS.pack(os.waitstatus_to_exitcode(status)))
            os.close(child.status)
        self._kill_strays()
        self._reap_orphans()

    def _kill_strays(self) -> None:
        """Kill orphans of exited children; no other process becomes a child of this one.

        One that forks in the meantime leads here again when it exits.
        """
        for pid in children(os.getpid()):
            if pid not in self._children:
                _kill_all(with_descendants(pid))

    def _reap_orphans(self) -> None:
        with suppress(ChildProcessError):
            while orphan := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if orphan.si_pid in self._children:
                    return  # it has just exited; the next round reaps it
                os.waitpid(orphan.si_pid, 0)

    def _shut_down(self) -> NoReturn:
        remaining = descendants(os.getpid())
        for pid in self._children:
            self._kill(pid, signal.SIGKILL)
        _kill_all(remaining)
        shutil.rmtree(self._storage, ignore_errors=True)
        os._exit(0)


def _adopt_orphans() -> None:
    """Become the parent of orphaned descendants, so that they can be reaped."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


@contextmanager
def _exiting_if_closed(control: socket.socket, storage: Path) -> Iterator[None]:
    """Exit at once if the worker ends during the block, which does not read `control`."""

    def exit_if_closed(_number: int, _frame: object) -> None:
        poll = select.poll()
        poll.register(control, 0)
        if any(event & select.POLLHUP for _fd, event in poll.poll(0)):
            shutil.rmtree(storage, ignore_errors=True)
            os._exit(0)

    flags = fcntl.fcntl(control, fcntl.F_GETFL) & ~os.O_ASYNC  # it may be set: see `_start_over`
    signal.signal(signal.SIGIO, exit_if_closed)
    fcntl.fcntl(control, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(control, fcntl.F_SETFL, flags | os.O_ASYNC)
    exit_if_closed(signal.SIGIO, None)  # it may have closed before the handler was set
    yield
    fcntl.fcntl(control, fcntl.F_SETFL, flags)
    signal.signal(signal.SIGIO, signal.SIG_DFL)


def _import_without_dotenv(module: str, plan: str) -> None:
    # crewai reads `.env` when it is imported, but those variables are the bot's, not the crews'.
    os.environ["PYTHON_DOTENV_DISABLED"] = "true"
    importlib.import_module(module)
    if plan:
        from .imports import import_planned

        import_planned(Path(plan))
    del os.environ["PYTHON_DOTENV_DISABLED"]


def _kill_all(processes: list[Process]) -> None:
    for process in processes:
        process.kill()


def _send(fd: int, data: bytes) -> None:
    with suppress(BrokenPipeError):
        os.write(fd, data)
