"""Working copies: each phase runs in a copy of the crew's project, with the files of its execution.

A copy leaves out version control, environments and caches. What the phase wrote is found by
comparing the copy with its state before the phase.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Final, TypeAlias

from crew_runner.host import project_lock
from storage.characters import storable
from storage.kept_files import MAX_FILE_BYTES, MAX_KEPT_BYTES, KeptFile, StoredFile
from storage.records import OutputFile

MAX_COPIED_BYTES: Final = 200 * 1024 * 1024
MAX_COPIED_FILES: Final = 20_000

MAX_KEPT_FILES: Final = 500
"""How many files of one phase are kept."""

MAX_NAMED_FILES: Final = 100
"""How many files that are not kept are named at the checkpoint."""

TEMPORARY_PREFIX: Final = ".countersign-"
"""The names of files that are being written into a project start with this."""

_LEFT_OUT_FOLDERS: Final = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        ".venv",
        "venv",
        "node_modules",
        "__pycache__",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".tox",
        ".nox",
    }
)
_ENVIRONMENT_FILE: Final = "pyvenv.cfg"
_OURS: Final = ("countersign.db*", f"{TEMPORARY_PREFIX}*")
"""Our own files, for a project in whose folder the bot runs: never copied, never published."""

_NOT_KEPT: Final = ("*.pyc", "*-wal", "*-shm", "*-journal", *_OURS)

_Stamp: TypeAlias = tuple[int, int, int, int]
"""A file's inode, size, and times of modification and change. Each write changes one of them."""

_CHANGED: Final[_Stamp] = (-1, -1, -1, -1)


class WorkspaceProblem(Exception):
    """There can be no copy of the project. The message says why and what to do.

    It is `lasting` if another try, or another host, cannot help.
    """

    def __init__(self, message: str, *, lasting: bool = False) -> None:
        super().__init__(message)
        self.lasting = lasting


class NoPlace(Exception):
    """A file cannot be in the project. The message says why."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a phase wrote: the files to keep, and the list of all that a reviewer sees."""

    kept: tuple[KeptFile, ...] = ()
    files: tuple[OutputFile, ...] = ()


class WorkingCopy:
    """A copy of a project in a folder of its own, which the caller removes."""

    def __init__(self, folder: Path, project: str) -> None:
        self.folder = folder
        self._project = project
        self._before: dict[str, _Stamp] = {}

    @classmethod
    def of(
        cls, project: str, *, within: Path, between: Callable[[], None] = lambda: None
    ) -> WorkingCopy:
        """Copy the project into a new folder in `within`, of the same name.

        Calls `between` after each file.

        Raises WorkspaceProblem.
        """
        origin = Path(project)
        if not origin.is_dir():
            raise WorkspaceProblem(
                f"There is no folder {project}. Fix `project` in crews.yml, or restore the folder."
            )
        folder = within / (origin.name or "project")
        try:
            with project_lock.copying(origin):
                _Copying(origin.resolve(), folder, between).run()
        except OSError as error:
            raise _cannot_copy(project, error) from error
        return cls(folder, project)

    def add(
        self,
        files: Sequence[StoredFile],
        read: Callable[[StoredFile], bytes | None],
        between: Callable[[], None] = lambda: None,
    ) -> None:
        """Put kept files into the copy, in this order, with the content that `read` returns.

        Files that the project has no place for any more are left out. Raises WorkspaceProblem.
        """
        for file in files:
            content = None if file.deleted else read(file)
            try:
                with suppress(NoPlace):
                    self._put(file, content)
            except OSError as error:
                raise _cannot_copy(self._project, error) from error
            between()

    def _put(self, file: StoredFile, content: bytes | None) -> None:
        path = place_of(self.folder, file.path)
        if file.path in self._before:  # the time of a quick change may be the same
            self._before[file.path] = _CHANGED
        path.unlink(missing_ok=True)
        if content is not None:
            make_folder(path.parent)
            path.write_bytes(content)
            path.chmod(file.mode)

    def mark(self) -> None:
        """Remember the present state: what differs from it later was written."""
        self._before = _stamps(self.folder)

    def written(self, *, kept_before: int = 0) -> Written:
        """Return what was written since `mark`. `kept_before` bytes of the execution are kept."""
        after = _stamps(self.folder)
        before = self._before
        paths = [path for path, stamp in after.items() if before.get(path) != stamp]
        gone = sorted(path for path in before.keys() - after.keys() if _may_be_kept(path))
        remaining = MAX_KEPT_BYTES - kept_before
        kept: list[KeptFile] = [KeptFile(path, None) for path in gone if storable(path) == path]
        files = [OutputFile(each.path, 0, deleted=True) for each in kept]
        # The smallest first, so that as many as possible are kept.
        for path in sorted(filter(_may_be_kept, paths), key=lambda path: (after[path][1], path)):
            size = after[path][1]
            is_kept = len(kept) < MAX_KEPT_FILES and size <= min(MAX_FILE_BYTES, remaining)
            file = self._read(path) if is_kept and storable(path) == path else None
            if file is not None and file.content is not None:
                remaining -= len(file.content)
                kept.append(file)
                files.append(OutputFile(path, len(file.content)))
            else:
                files.append(OutputFile(storable(path), size, kept=False))
        return Written(tuple(kept), tuple(_named(files)))

    def _read(self, path: str) -> KeptFile | None:
        """Return a regular file of the copy, or None if it is anything else."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            with open(os.open(self.folder / path, flags), "rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                return KeptFile(path, file.read(), mode & 0o777) if stat.S_ISREG(mode) else None
        except OSError:  # a link, or not readable
            return None


def _cannot_copy(project: str, error: OSError) -> WorkspaceProblem:
    return WorkspaceProblem(
        f"The project in {project} could not be copied: {error.strerror or error}. "
        "Each run works in a copy of it, unless crews.yml says `workspace: shared`."
    )


def _named(files: list[OutputFile]) -> Iterator[OutputFile]:
    """Return the files in the order of their paths, with a limited number that are not kept."""
    not_kept = 0
    for file in sorted(files, key=lambda file: file.path):
        not_kept += not file.kept
        if file.kept or not_kept <= MAX_NAMED_FILES:
            yield file


def place_of(folder: Path, path: str) -> Path:
    """Return where the file at `path` belongs below the folder. Raises NoPlace.

    The path comes from a crew: it must not lead out of the folder, not even through a link.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise NoPlace("its path is not allowed")
    if not _LEFT_OUT_FOLDERS.isdisjoint(parts):
        raise NoPlace("it is in a folder that copies leave out")
    if _matches(parts[-1], _OURS):
        raise NoPlace("it has the name of a file of Countersign")
    parent = folder.joinpath(*parts[:-1]).resolve()
    if not parent.is_relative_to(folder.resolve()):
        raise NoPlace("its folder is a link that leads out of the project")
    place = parent / parts[-1]
    if place.is_dir() and not place.is_symlink():
        raise NoPlace("a folder has its name")
    return place


def make_folder(folder: Path) -> None:
    """Create the folder of a file. Raises NoPlace and OSError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise NoPlace("a file has the name of its folder") from None


def _may_be_kept(path: str) -> bool:
    name = path.rpartition("/")[2]
    return not _matches(name, _NOT_KEPT)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _stamps(folder: Path) -> dict[str, _Stamp]:
    """Return the stamp of each file below the folder, links included."""
    stamps: dict[str, _Stamp] = {}
    for entry, path in _walk(folder):
        if not entry.is_dir(follow_symlinks=False):
            with suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
                    stamps[path] = (
                        status.st_ino,
                        status.st_size,
                        status.st_mtime_ns,
                        status.st_ctime_ns,
                    )
    return stamps


def _walk(folder: Path) -> Iterator[tuple[os.DirEntry[str], str]]:
    """Yield all entries below the folder with their paths, a folder before what is in it.

    Folders that copies leave out, and those that cannot be read, are skipped; links are not
    followed.
    """
    to_do = [""]
    while to_do:
        prefix = to_do.pop()
        try:
            with os.scandir(folder / prefix) as scanned:
                entries = list(scanned)
        except (PermissionError, FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            path = f"{prefix}{entry.name}"
            if not entry.is_dir(follow_symlinks=False):
                yield entry, path
            elif not _is_left_out_folder(entry):
                yield entry, path
                to_do.append(f"{path}/")


def _is_left_out_folder(entry: os.DirEntry[str]) -> bool:
    return entry.name in _LEFT_OUT_FOLDERS or os.path.lexists(
        os.path.join(entry.path, _ENVIRONMENT_FILE)
    )


class _Copying:
    """Copies a project once. Raises OSError and WorkspaceProblem."""

    def __init__(self, origin: Path, folder: Path, between: Callable[[], None]) -> None:
        self._origin = origin
        self._folder = folder
        self._between = between
        self._files = 0
        self._bytes = 0

    def run(self) -> None:
        self._folder.mkdir(parents=True)
        for entry, path in _walk(self._origin):
            target = self._folder / path
            if entry.is_symlink():
                self._copy_link(Path(entry.path), target)
            elif entry.is_dir(follow_symlinks=False):
                target.mkdir()
            elif entry.is_file(follow_symlinks=False) and not _matches(entry.name, _OURS):
                with suppress(PermissionError, FileNotFoundError):  # the crew could not read it
                    status = entry.stat(follow_symlinks=False)
                    self._count(status.st_size)
                    shutil.copyfile(entry.path, target)
                    target.chmod(status.st_mode & 0o777)
                    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
            self._between()

    def _copy_link(self, link: Path, target: Path) -> None:
        """Copy a link. It leads to the same place in the copy, or to where it led outside."""
        leads_to = Path(os.path.normpath(link.parent / link.readlink()))
        if leads_to.is_relative_to(self._origin):
            leads_to = self._folder / leads_to.relative_to(self._origin)
        target.symlink_to(leads_to)

    def _count(self, size: int) -> None:
        self._files += 1
        self._bytes += size
        if self._files > MAX_COPIED_FILES or self._bytes > MAX_COPIED_BYTES:
            raise WorkspaceProblem(
                f"The project in {self._origin} has more than "
                f"{MAX_COPIED_BYTES // (1024 * 1024)} MB or {MAX_COPIED_FILES:,} files besides "
                "its environments and caches, too much to copy for each run. Set "
                "`workspace: shared` in crews.yml, or move the data out of the project.",
                lasting=True,
            )
