"""The crews that Countersign ships, for folders that have a module of our package's name."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parents[1]


def use_shipped_crews(target: str) -> None:
    """Import our own package if the target is one of its crews, whatever the path would find."""
    if not target.startswith(f"{_PACKAGE.name}.crews."):
        return
    spec = importlib.util.spec_from_file_location(
        _PACKAGE.name, _PACKAGE / "__init__.py", submodule_search_locations=[str(_PACKAGE)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{_PACKAGE} is not a package")
    package = importlib.util.module_from_spec(spec)
    sys.modules[_PACKAGE.name] = package
    spec.loader.exec_module(package)
