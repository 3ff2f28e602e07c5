"""Copies of the project's tree, in which bugs are seeded. The checkout itself is never changed."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.seeded.bugs import ROOT, BadPatch, Bug


@contextmanager
def workshop() -> Iterator[Path]:
    """A folder for copies and for the tests' files, deleted at the end."""
    with TemporaryDirectory(prefix="seeded-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # a test's PostgreSQL runs as another user and looks below it
        yield folder


def copy_checkout(to: Path) -> None:
    """Copy the files as they are now, including uncommitted changes."""
    listed = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in listed.decode().split("\0"):
        source, target = ROOT / name, to / name
        if name and source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def copy_commit(commit: str, to: Path) -> None:
    """Copy the files of a commit."""
    with tarfile.open(fileobj=io.BytesIO(_git("archive", "--format=tar", commit))) as archive:
        archive.extractall(to, filter="data")


@contextmanager
def seeded(bug: Bug, clean: Path) -> Iterator[Path]:
    """A copy of `clean` with this bug in it. Raises BadPatch if the patch does not fit."""
    tree = clean.with_name(bug.name)
    shutil.copytree(clean, tree)
    try:
        apply(bug, tree)
        yield tree
    finally:
        shutil.rmtree(tree, ignore_errors=True)


def apply(bug: Bug, tree: Path) -> None:
    """Raises BadPatch."""
    applied = subprocess.run(
        ["git", "apply", "-"],
        cwd=tree,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(tree.parent)},  # of no repository
        input=bug.diff.encode(),
        capture_output=True,
        check=False,
    )
    if applied.returncode != 0:
        raise BadPatch(f"{bug.name} does not fit: {applied.stderr.decode().strip()}")


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout
