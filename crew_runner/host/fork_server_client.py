"""The worker's end of the process that children are forked from (crew_runner.child.fork_server)."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, TypeAlias

from crew_runner.child.environment import SILENT_CREWAI, without_secrets
from crew_runner.child.fork_server import FORK, KILL, PID, REQUEST, STATUS
from crew_runner.child.messages import LONGEST_MESSAGE
from crew_runner.host.frames import Frames

PRELOADED: Final = "crew_runner.child.preload"

_PROGRAM: Final = Path(__file__).resolve().parents[1] / "child" / "start.py"
_END_SECONDS: Final = 3.0
_READ_AT_ONCE: Final = 1024 * 1024
_FOLDER_PREFIX: Final = "countersign-jobs-"
_SWEPT_AFTER_SECONDS: Final = 60.0
"""A folder is made a moment before it is claimed."""

Kill: TypeAlias = Callable[[int, int], None]


class ForkServerGone(Exception):
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
        self._frames = Frames(LONGEST_MESSAGE)

    @property
    def is_born(self) -> bool:
        return self._pid is not None

    def born(self) -> int:
        """Its process id, which `status` brings first. Raises NurseryGone."""
        if self._pid is None:
            pid = os.read(self.status, PID.size)
            if len(pid) < PID.size:
                raise ForkServerGone("the process that starts crews ended")
            self._pid = PID.unpack(pid)[0]
        return self._pid

    def hear(self) -> list[bytes]:
        """The messages that came whole, never waiting for the rest of one.

        Raises EOFError where none will come any more, and TooLong.
        """
        try:
            read = os.read(self.channel.fileno(), _READ_AT_ONCE)
        except OSError as error:
            raise EOFError from error
        if not read:
            raise EOFError
        return self._frames.feed(read)

    def exit_code(self) -> int | None:
        """The exit code, negative for a signal, which `status` brings last; None: not known."""
        status = os.read(self.status, STATUS.size)
        return STATUS.unpack(status)[0] if len(status) == STATUS.size else None

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


class ForkServerClient:
    """The worker's end. Safe to share between threads; starts the process when first needed."""

    def __init__(self, *, preload: bool) -> None:
        self._preload = preload
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._storage: Path | None = None
        self._claimed: int | None = None
        self._stopped = False

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
            self._request(FORK, fds=[theirs.fileno(), noise_write, status_write])
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
        """End the nursery and every child, for good."""
        with self._lock:
            self._stopped = True
            if self._control is not None:
                self._control.close()
            if self._process is not None:
                _wait_or_kill(self._process)
            self._forget()

    def _kill(self, pid: int, number: int) -> None:
        # Where the nursery is gone, a child ends when its channel is closed.
        with suppress(ForkServerGone, OSError):
            self._request(KILL, pid, number)

    def _request(
        self, operation: bytes, pid: int = 0, number: int = 0, *, fds: list[int] | None = None
    ) -> None:
        with self._lock:
            if operation == FORK:
                self._ensure_running()
            if self._control is None:
                raise ForkServerGone("the process that starts crews is not running")
            try:
                socket.send_fds(self._control, [REQUEST.pack(operation, pid, number)], fds or [])
            except OSError as error:
                raise ForkServerGone("the process that starts crews ended") from error

    def _ensure_running(self) -> None:
        if self._stopped:
            raise ForkServerGone("the process that starts crews was told to end")
        if self._process is not None and self._process.poll() is None:
            return
        self._forget()
        _sweep()
        self._storage, self._claimed = _new_folder()
        self._control, theirs = socket.socketpair()
        preload = PRELOADED if self._preload else ""
        environment = {
            **without_secrets(os.environ),
            **SILENT_CREWAI,
            "CREWAI_STORAGE_DIR": str(self._storage),
        }
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 our own interpreter and code
                [sys.executable, str(_PROGRAM), str(theirs.fileno()), preload],
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
        if self._claimed is not None:
            os.close(self._claimed)
        self._control = self._process = self._storage = self._claimed = None


def _new_folder() -> tuple[Path, int]:
    """A folder for jobs, and a lock on it that ends with this process."""
    folder = Path(tempfile.mkdtemp(prefix=_FOLDER_PREFIX))
    claimed = os.open(folder, os.O_RDONLY)
    fcntl.flock(claimed, fcntl.LOCK_EX)
    return folder, claimed


def _sweep() -> None:
    """Remove the folders of workers that were killed together with their nursery."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER_PREFIX}*"):
        with suppress(OSError):  # claimed, somebody else's, or swept by another just now
            if time.time() - folder.stat().st_mtime > _SWEPT_AFTER_SECONDS:
                _remove_unclaimed(folder)


def _remove_unclaimed(folder: Path) -> None:
    """Raises BlockingIOError if its worker lives."""
    seen = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(seen, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(seen)


def _wait_or_kill(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
