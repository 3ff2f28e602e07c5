"""Keeps the files of earlier phases while the code that prepares a crew runs again.

Each phase builds the crew anew. A `main.py` that empties a folder before it kicks the crew off does
so in each phase, and would lose what the phases before have written there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..messages import Job
from ..records import PhaseOutput


@contextmanager
def keeping_files(job: Job) -> Iterator[None]:
    """Give the files that earlier phases wrote the same content after the block as before it."""
    files = {} if job.project is None else dict(_contents(Path(job.project), _outputs(job)))
    try:
        yield
    finally:
        for path, content in files.items():
            _restore(path, content)


def _outputs(job: Job) -> Iterator[PhaseOutput]:
    yield from (output for _phase, output in job.done)
    if job.previous is not None:
        yield job.previous


def _contents(project: Path, outputs: Iterator[PhaseOutput]) -> Iterator[tuple[Path, bytes]]:
    for name in {file.path for output in outputs for file in output.files}:
        path = project / name
        with suppress(OSError):  # it is not kept, or was removed since
            yield path, path.read_bytes()


def _restore(path: Path, content: bytes) -> None:
    with suppress(OSError):
        if path.read_bytes() == content:
            return
    os.makedirs(path.parent, exist_ok=True)
    path.write_bytes(content)
