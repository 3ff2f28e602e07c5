"""Seeded bugs: patches that each break one promise of the product.

A patch starts with two header lines, followed by a unified diff with one line of context:

    Broken: what no longer works, and what that means for people
    Look: tests/storage/test_races.py tests/storage/test_decisions.py

`Look` names the files, folders or tests that should catch the bug, in the order to run them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PATCHES: Final = Path(__file__).parent / "patches"
PRODUCT: Final = ("bot/", "crew_runner/", "storage/")
MOST_LINES: Final = 20
"""Removed and added lines together: a bug is a slip, not a rewrite."""

_HEADER: Final = re.compile(r"\ABroken: (?P<broken>.+)\nLook: (?P<look>.+)\n")
_FILE: Final = re.compile(r"^\+\+\+ b/(?P<path>\S+)$", re.MULTILINE)
_HUNK: Final = re.compile(r"^@@ .*$", re.MULTILINE)


class BadPatch(Exception):
    """A patch that cannot be used, with the reason."""


@dataclass(frozen=True, slots=True)
class Bug:
    """`diff` is the patch without its header."""

    name: str
    broken: str
    look: tuple[str, ...]
    diff: str

    @property
    def path(self) -> str:
        """The one file that it changes. Raises BadPatch if it is not one of the product's."""
        paths = _FILE.findall(self.diff)
        if len(paths) != 1 or not paths[0].startswith(PRODUCT):
            raise BadPatch(f"{self.name} changes {', '.join(paths) or 'no file'}")
        return str(paths[0])

    def hunks(self) -> Iterator[tuple[str, str]]:
        """The text of each hunk before and after the change."""
        for hunk in _HUNK.split(self.diff)[1:]:
            lines = hunk.lstrip("\n").splitlines(keepends=True)
            yield (
                "".join(line[1:] for line in lines if line[0] in " -"),
                "".join(line[1:] for line in lines if line[0] in " +"),
            )


def read(path: Path) -> Bug:
    """Read one patch. Raises BadPatch if its header is missing."""
    text = path.read_text()
    header = _HEADER.match(text)
    if header is None:
        raise BadPatch(f"{path.name} does not start with its two header lines")
    return Bug(path.stem, header["broken"], tuple(header["look"].split()), text[header.end() :])


def all_bugs() -> list[Bug]:
    return [read(path) for path in sorted(PATCHES.glob("*.patch"))]


def check(bug: Bug, tree: Path) -> None:
    """Raises BadPatch if the patch does not fit the tree, or changes nothing that runs.

    Each hunk must fit exactly one place, because a short context may occur elsewhere.
    """
    missing = [where for where in bug.look if not (tree / where.partition("::")[0]).exists()]
    if missing:
        raise BadPatch(f"{bug.name} names tests that do not exist: {', '.join(missing)}")
    file = tree / bug.path
    before = after = file.read_text()
    for old, new in bug.hunks():
        if after.count(old) != 1:
            raise BadPatch(f"{bug.name} fits {after.count(old)} places of {bug.path}:\n{old}")
        after = after.replace(old, new)
    changed = re.findall(r"^[-+](?![-+]{2} )", bug.diff, re.MULTILINE)
    if len(changed) > MOST_LINES:
        raise BadPatch(f"{bug.name} changes {len(changed)} lines")
    try:
        same = ast.dump(ast.parse(before)) == ast.dump(ast.parse(after))
    except SyntaxError as error:
        raise BadPatch(f"{bug.name} leaves invalid Python: {error}") from None
    if same:
        raise BadPatch(f"{bug.name} changes nothing that runs")
