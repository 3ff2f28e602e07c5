"""Files that the phases of an execution wrote, and their way into the project. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from storage.records import OutputFile

MAX_FILE_BYTES: Final = 10 * 1024 * 1024
"""A larger file is named at the checkpoint but not kept."""

MAX_KEPT_BYTES: Final = 50 * 1024 * 1024
"""What the files of one execution may hold together."""

SHOWN_AT_ONCE: Final = 5
"""How many of a phase's files are posted with its checkpoint. The message lists the others."""

_TEXTS: Final = (".txt", ".md", ".markdown", ".json", ".csv", ".tsv", ".yaml", ".yml", ".toml")
_CODE: Final = (".py", ".js", ".ts", ".html", ".css", ".xml", ".sql", ".log")
_IMAGES: Final = (".png", ".jpg", ".jpeg", ".gif", ".webp")


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file as a phase left it; without `content`, the phase deleted it.

    `path` is below the project's folder and uses `/`. `mode` are its permission bits.
    """

    path: str
    content: bytes | None
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A kept file without its content, which is read by `seq`. `phase_index` wrote it."""

    seq: int
    path: str
    size: int
    mode: int
    deleted: bool
    phase_index: int


@dataclass(frozen=True, slots=True)
class Publication:
    """The approved files of one phase run, to be written into `project`, in the order of `seq`."""

    seq: int
    execution_id: str
    phase_run_id: str
    phase: str
    phase_index: int
    project: str
    attempts: int


def shown(files: Sequence[OutputFile]) -> tuple[OutputFile, ...]:
    """Return the files that are posted with a checkpoint: the first texts and images."""
    can_be_shown = (
        file
        for file in files
        if file.kept and not file.deleted and file.size and _extension(file) in _SHOWABLE
    )
    return tuple(can_be_shown)[:SHOWN_AT_ONCE]


_SHOWABLE: Final = frozenset((*_TEXTS, *_CODE, *_IMAGES))


def _extension(file: OutputFile) -> str:
    return PurePosixPath(file.path).suffix.lower()
