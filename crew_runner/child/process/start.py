"""The fork server's program, started by its path: `python …/process/start.py FD MODULE`.

It loads only this package, by its file. Our directory, with its `bot`, `storage` and `tests`, is
not added to the path, where it would hide a crew's own modules of these names. The working
directory is added later, after PYTHONPATH.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parents[2]
_OUR_NAMES: Final = ("bot", "practice", "storage", "tests")


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
        entries = [entry for entry in sys.path if Path(entry).resolve() != _PACKAGE.parent]
        return PathFinder.find_spec(name, entries, target)


def main(control_fd: int, preload: str) -> None:
    sys.path[:] = [entry for entry in sys.path if entry not in ("", str(Path(__file__).parent))]
    sys.meta_path.insert(0, _CrewModulesFirst)
    spec = importlib.util.spec_from_file_location(
        _PACKAGE.name, _PACKAGE / "__init__.py", submodule_search_locations=[str(_PACKAGE)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{_PACKAGE} is not a package")
    package = importlib.util.module_from_spec(spec)
    sys.modules[_PACKAGE.name] = package
    spec.loader.exec_module(package)

    from crew_runner.child.process.fork_server import serve

    serve(control_fd, preload=preload)


if __name__ == "__main__":  # a crew's processes may import this file again
    main(int(sys.argv[1]), sys.argv[2])
