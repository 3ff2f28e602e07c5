"""Where CrewAI's lock files go.

CrewAI leaves one in the system's temporary directory for every database that it ever opened, and a
job opens databases of its own. Those lie beside them here, and go with them.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import md5

import portalocker
from crewai_core.lock_store import set_lock_backend

_LONGEST_SECONDS = 120.0


def keep_locks_in(storage: str) -> None:
    """Locks of what lies in `storage` go there; others stay where all CrewAI processes look."""
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
