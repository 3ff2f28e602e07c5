"""The fork server's program, started by its path: `python …/process/start.py FD MODULE [PLAN]`.

It loads this package by its file, under the name `_countersign`. Our directory, with its `bot`,
`storage` and `tests`, is not added to the path, where it would hide a crew's own modules of these
names. The working directory is added later, after PYTHONPATH.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import metadata
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Final

PACKAGE: Final = "_countersign"
_CHILD: Final = Path(__file__).resolve().parents[1]
_INSTALLED_AT: Final = _CHILD.parents[1]
PROBLEM: Final = "problem.txt"
"""The file in the storage directory that says why this interpreter cannot run crews."""

_OLDEST_PYTHON: Final = (3, 10)
_OLDEST_CREWAI: Final = 1
_OUR_NAMES: Final = ("bot", "crew_runner", "practice", "slack_limits", "storage", "tests")


class _CrewModulesFirst:
    """Finds a crew's modules of these names first, even in directories without __init__.py.

    Ours are installed in the same environment, and Python prefers packages with that file.
    """

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is not None or name not in _OUR_NAMES:
            return None
        entries = [entry for entry in sys.path if Path(entry).resolve() != _INSTALLED_AT]
        return PathFinder.find_spec(name, entries, target)


def load_package() -> None:
    """Make this package importable as `_countersign`."""
    spec = importlib.util.spec_from_file_location(
        PACKAGE, _CHILD / "__init__.py", submodule_search_locations=[str(_CHILD)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{_CHILD} is not a package")
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)


def problem_of_interpreter() -> str:
    """Why this interpreter cannot run crews, and what to do; empty if it can."""
    if sys.version_info < _OLDEST_PYTHON:  # type: ignore[comparison-overlap, unused-ignore]
        return (
            f"Python {sys.version.split()[0]} in {sys.prefix} is too old. Use 3.10 or newer for "
            "the project."
        )
    try:
        version = metadata.version("crewai")
    except metadata.PackageNotFoundError:
        return (
            f"crewai is not installed in {sys.prefix}: run `uv sync` or `crewai install` in the "
            "project."
        )
    if int(version.partition(".")[0]) < _OLDEST_CREWAI:
        return (
            f"CrewAI {version} in {sys.prefix} is too old. Use 1.8 or newer: run "
            "`uv add 'crewai>=1.8'` in the project."
        )
    return ""


def main(control_fd: int, preload: str, plan: str = "") -> None:
    sys.path[:] = [entry for entry in sys.path if entry not in ("", str(Path(__file__).parent))]
    sys.meta_path.insert(0, _CrewModulesFirst)
    problem = problem_of_interpreter() if preload else ""
    try:
        if not problem:
            load_package()
            fork_server = importlib.import_module(f"{PACKAGE}.process.fork_server")
            fork_server.serve(control_fd, preload=preload, plan=plan)
    except Exception as error:  # noqa: BLE001 the worker tells people
        traceback.print_exc()
        problem = (
            f"CrewAI cannot be imported in {sys.prefix}: {type(error).__name__}: {error}. Run "
            "`uv sync` or `crewai install` in the project."
        )
    Path(os.environ["CREWAI_STORAGE_DIR"], PROBLEM).write_text(problem)
    sys.exit(1)


if __name__ == "__main__":  # a crew's processes may import this file again
    main(int(sys.argv[1]), *sys.argv[2:])
