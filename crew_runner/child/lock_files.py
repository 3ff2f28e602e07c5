"""Keeps CrewAI's lock files out of the system's temporary directory.

CrewAI leaves a lock file there for every database that it opens, and each job opens its own
databases. Here the lock files are stored beside these databases and removed with them.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import md5

import portalocker

from .older_crewai import set_lock_backend

_LONGEST_SECONDS = 120.0


def use_lock_directory(storage: str) -> None:
    """Keep locks for files in `storage` there; others stay where CrewAI processes share them."""
    if os.environ.get("REDIS_URL"):
        return  # then CrewAI locks by Redis and leaves no files
    own = os.path.realpath(storage)

    @contextmanager
    def locked(name: str, *, timeout: float = _LONGEST_SECONDS) -> Iterator[None]:
        folder = own if own in name else tempfile.gettempdir()
        digest = md5(name.encode(), usedforsecurity=False).hexdigest()
        with portalocker.Lock(os.path.join(folder, f"crewai:{digest}.lock"), timeout=timeout):
            yield

    set_lock_backend(locked)
