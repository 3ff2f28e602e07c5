"""The process that children are forked from, and the worker's end of it.

The nursery is a clean process: started by exec with the bot's variables taken out, crewai already
imported, one thread, no crew code ever. It forks a child in tens of milliseconds, kills a child's
whole family when asked or when the child ends, and all of them, itself last, when its worker ends.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, NoReturn, TypeAlias

import psutil

from crew_runner import child
from crew_runner.environment import SILENT_CREWAI, scrub, without_secrets

PRELOADED: Final = "crew_runner.runnables.warm"

_REQUEST: Final = struct.Struct("!cii")  # operation, pid, signal
_FORK: Final = b"f"
_KILL: Final = b"k"
_PID: Final = struct.Struct("!i")
_STATUS: Final = struct.Struct("!i")
_START: Final = (
    "import sys; sys.path[:0] = sys.argv[2:3]; "
    "from crew_runner.nursery import serve; serve(int(sys.argv[1]), preload=sys.argv[3])"
)
Kill: TypeAlias = Callable[[int, int], None]
_SUBREAPER: Final = 36  # PR_SET_CHILD_SUBREAPER


class NurseryGone(Exception):
    """The nursery ended, or could not be started."""


class Child:
    """A forked process, or one that is about to be. Belongs to one thread.

    `channel` carries messages, `noise` is what it prints, `status` ends when it was reaped.
    """

    def __init__(self, channel: Connection, noise: int, status: int, kill: Kill) -> None:
        self.channel = channel
        self.noise = noise
        self.status = status
        self._kill = kill
        self._pid: int | None = None

    @property
    def is_born(self) -> bool:
        return self._pid is not None

    def born(self) -> int:
        """Its process id, which `status` brings first. Raises NurseryGone."""
        if self._pid is None:
            pid = os.read(self.status, _PID.size)
            if len(pid) < _PID.size:
                raise NurseryGone("the process that starts crews ended")
            self._pid = _PID.unpack(pid)[0]
        return self._pid

    def exit_code(self) -> int | None:
        """The exit code, negative for a signal, which `status` brings last; None: not known."""
        status = os.read(self.status, _STATUS.size)
        return _STATUS.unpack(status)[0] if len(status) == _STATUS.size else None

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to the child's whole group; SIGKILL reaches every descendant.

        A child that has not spoken yet is left to `close`.
        """
        if self._pid is not None:
            self._kill(self._pid, number)

    def close(self) -> None:
        """Let go of it. What is still alive kills itself, seeing the channel end."""
        self.channel.close()
        os.close(self.noise)
        os.close(self.status)


class Nursery:
    """The worker's end. Safe to share between threads; starts the process when first needed."""

    def __init__(self, *, preload: bool) -> None:
        self._preload = preload
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._storage: Path | None = None

    def start(self) -> None:
        """Start the process, or another one if it died. Does not wait for its imports."""
        with self._lock:
            self._ensure_running()

    def fork(self) -> Child:
        """A new child, which says Ready when it waits for its job. Raises NurseryGone."""
        ours, theirs = socket.socketpair()
        noise_read, noise_write = os.pipe()
        status_read, status_write = os.pipe()
        try:
            self._request(_FORK, fds=[theirs.fileno(), noise_write, status_write])
        except BaseException:
            ours.close()
            os.close(noise_read)
            os.close(status_read)
            raise
        finally:
            theirs.close()
            os.close(noise_write)
            os.close(status_write)
        return Child(Connection(ours.detach()), noise_read, status_read, self._kill)

    def storage(self) -> Path:
        """A new directory for one job, below one that ends with the nursery."""
        with self._lock:
            self._ensure_running()
            return Path(tempfile.mkdtemp(dir=self._storage))

    def stop(self) -> None:
        """End the nursery and every child."""
        with self._lock:
            if self._control is not None:
                self._control.close()
            if self._process is not None:
                self._process.wait()
            self._forget()

    def _kill(self, pid: int, number: int) -> None:
        # A nursery that is gone has taken its children along.
        with suppress(NurseryGone, OSError):
            self._request(_KILL, pid, number)

    def _request(
        self, operation: bytes, pid: int = 0, number: int = 0, *, fds: list[int] | None = None
    ) -> None:
        with self._lock:
            if operation == _FORK:
                self._ensure_running()
            if self._control is None:
                raise NurseryGone("the process that starts crews is not running")
            try:
                socket.send_fds(self._control, [_REQUEST.pack(operation, pid, number)], fds or [])
            except OSError as error:
                raise NurseryGone("the process that starts crews ended") from error

    def _ensure_running(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self._forget()
        self._storage = Path(tempfile.mkdtemp(prefix="countersign-"))
        self._control, theirs = socket.socketpair()
        root = str(Path(__file__).resolve().parent.parent)
        preload = PRELOADED if self._preload else ""
        environment = {
            **without_secrets(os.environ),
            **SILENT_CREWAI,
            "CREWAI_STORAGE_DIR": str(self._storage),
        }
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 our own interpreter and code
                [sys.executable, "-c", _START, str(theirs.fileno()), root, preload],
                env=environment,
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C in the worker's terminal is not for it
            )

    def _forget(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._storage is not None:
            shutil.rmtree(self._storage, ignore_errors=True)
        self._control = self._process = self._storage = None


# --- the nursery's own process -----------------------------------------------------------------


def serve(control_fd: int, *, preload: str) -> NoReturn:
    """Fork children for whoever holds the other end of `control_fd`, until that end closes."""
    adopt_orphans()
    storage = Path(os.environ["CREWAI_STORAGE_DIR"])
    if preload:
        _import_quietly(preload)
    scrub()
    gc.collect()
    gc.freeze()  # children then share these pages instead of copying them
    control = socket.socket(fileno=control_fd)
    alarm_read, alarm_write = os.pipe()
    os.set_blocking(alarm_read, False)
    os.set_blocking(alarm_write, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(alarm_write)
    children: dict[int, int] = {}  # pid → the descriptor that its status goes to
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(alarm_read, selectors.EVENT_READ)
        while True:
            for key, _events in selector.select():
                if key.fileobj is control:
                    if not _answer(control, children, inherited=(alarm_read, alarm_write)):
                        _end(children, storage)
                else:
                    os.read(alarm_read, 4096)
                    _reap(children)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, so that they can be reaped."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def _import_quietly(module: str) -> None:
    # crewai reads `.env` when it is imported; what stands there is the bot's, not the crews'.
    os.environ["PYTHON_DOTENV_DISABLED"] = "true"
    importlib.import_module(module)
    del os.environ["PYTHON_DOTENV_DISABLED"]


def _answer(
    control: socket.socket, children: dict[int, int], *, inherited: tuple[int, ...]
) -> bool:
    request, fds, _flags, _address = socket.recv_fds(control, _REQUEST.size, 3)
    if len(request) < _REQUEST.size:
        return False
    operation, pid, number = _REQUEST.unpack(request)
    if operation == _KILL:
        if pid in children:
            kill_family(pid, signal.Signals(number))
        return True
    channel, noise, status = fds
    born = os.fork()
    if born == 0:
        control.close()
        for fd in (status, *children.values(), *inherited):
            with suppress(OSError):
                os.close(fd)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        child.main(channel, noise)
    os.close(channel)
    os.close(noise)
    children[born] = status
    _tell(status, _PID.pack(born))
    return True


def _reap(children: dict[int, int]) -> None:
    """Collect what has ended. The group of a child that ended is killed before its id is free."""
    for pid in list(children):
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            kill_family(pid, signal.SIGKILL)
            _pid, status = os.waitpid(pid, 0)
            _tell(children[pid], _STATUS.pack(os.waitstatus_to_exitcode(status)))
            os.close(children.pop(pid))
    with suppress(ChildProcessError):
        while (orphan := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
            if orphan.si_pid in children:
                return  # it ended just now: the next round takes it
            os.waitpid(orphan.si_pid, 0)


def kill_family(pid: int, number: signal.Signals) -> None:
    """Signal a child that was not reaped yet, with its group; SIGKILL: with all below it."""
    family: list[psutil.Process] = []
    if number == signal.SIGKILL:
        with suppress(psutil.Error):
            family = psutil.Process(pid).children(recursive=True)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
    with suppress(ProcessLookupError):
        os.kill(pid, number)  # a child so young that it has no group yet
    for member in family:
        with suppress(psutil.Error):
            member.send_signal(number)


def _tell(fd: int, status: bytes) -> None:
    with suppress(BrokenPipeError):
        os.write(fd, status)


def _end(children: Mapping[int, int], storage: Path) -> NoReturn:
    for pid in children:
        kill_family(pid, signal.SIGKILL)
    for descendant in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            descendant.kill()
    shutil.rmtree(storage, ignore_errors=True)
    os._exit(0)
