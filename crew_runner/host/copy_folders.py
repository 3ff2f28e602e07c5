"""Where working copies are: at the same path in each phase of an execution, if that is possible.

Crews keep absolute paths of files in outputs, conversations and the state of flows, and use them in
later phases.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_LOCK_SUFFIX: Final = ".lock"
_SWEEP_AFTER_SECONDS: Final = 60.0
"""A lock file is created a moment before it is locked."""


@contextmanager
def copy_folder(execution_id: str, *, fallback: Path) -> Iterator[Path]:
    """An empty folder for the copy of an execution, removed afterwards.

    It is `fallback` if the execution's own folder is in use, as by a worker that lost its lease
    without noticing, or if the folder for temporary files is not safe.
    """
    root = _root()
    lock = None if root is None else _lock(root / f"{execution_id}{_LOCK_SUFFIX}")
    if root is None or lock is None:
        yield fallback
        return
    folder = root / execution_id
    try:
        shutil.rmtree(folder, ignore_errors=True)  # left by a worker that was killed
        yield folder
    finally:
        _remove(folder, lock)


def remove_stale_copies() -> None:
    """Remove the copies of workers that were killed."""
    root = _root()
    for path in () if root is None else root.glob(f"*{_LOCK_SUFFIX}"):
        with suppress(OSError):  # just removed by another worker
            if time.time() - path.stat().st_mtime > _SWEEP_AFTER_SECONDS:
                lock = _lock(path)
                if lock is not None:
                    _remove(path.with_suffix(""), lock)


def _root() -> Path | None:
    """Return the folder of all copies, or None if another user could change it."""
    root = Path(tempfile.gettempdir(), f"countersign-copies-{os.geteuid()}")
    try:
        root.mkdir(mode=0o700, exist_ok=True)
        status = root.lstat()
    except OSError:
        return None
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    return root.resolve() if is_ours and not status.st_mode & 0o022 else None


def _lock(path: Path) -> int | None:
    """Return the locked file, or None if another process has locked it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    try:
        opened = os.open(path, flags, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(opened).st_nlink:  # else its last owner has just removed it
            os.utime(opened)
            return opened
    except OSError:
        pass
    os.close(opened)
    return None


def _remove(folder: Path, lock: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        Path(f"{folder}{_LOCK_SUFFIX}").unlink()
    os.close(lock)
