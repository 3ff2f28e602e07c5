"""A lock on a project's folder, so that no copy is made of a half-written publication."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

log = logging.getLogger(__name__)


@contextmanager
def copying(project: Path) -> Iterator[None]:
    """Wait until nobody publishes into the project, and let nobody begin during the block."""
    with _locked(project, fcntl.LOCK_SH):
        yield


@contextmanager
def publishing(project: Path) -> Iterator[bool]:
    """Lock the project for publishing; False if a worker copies it or publishes into it now."""
    with _locked(project, fcntl.LOCK_EX | fcntl.LOCK_NB) as is_locked:
        yield is_locked


@contextmanager
def _locked(project: Path, operation: int) -> Iterator[bool]:
    """A folder that cannot be locked, as on some network file systems, is used without a lock."""
    with ExitStack() as stack:
        is_locked = True
        try:
            opened = os.open(project, os.O_RDONLY | os.O_DIRECTORY)
            stack.callback(os.close, opened)
            fcntl.flock(opened, operation)
        except BlockingIOError:
            is_locked = False
        except OSError as error:
            log.info("project.not_locked", extra={"why": str(error)})
        yield is_locked
