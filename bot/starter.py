"""The starter project: the example crews, the crews.yml that names them, and what an app needs.

A checkout has these files at its top; a wheel carries them in `bot/starter_files`.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

_IN_WHEEL: Final = Path(__file__).parent / "starter_files"

FOLDER: Final = _IN_WHEEL if _IN_WHEEL.is_dir() else Path(__file__).resolve().parents[1]
CREWS: Final = FOLDER / "crews.yml"
MANIFEST: Final = FOLDER / "manifest.yml"

NAMES: Final = ("crews.yml", "manifest.yml", ".env.example", "examples")

ADVICE: Final = "Run `countersign init` to write a starter crews.yml here, or set CREWS_FILE."


def manifest(folder: Path) -> Path:
    """The folder's own manifest.yml, or the one that came with the installation."""
    return MANIFEST if not (folder / MANIFEST.name).exists() else folder / MANIFEST.name


def write(folder: Path) -> tuple[list[str], list[str]]:
    """Copy the starter project into a folder; the names written, and those that were there.

    Nothing is overwritten. Raises OSError.
    """
    missing = [name for name in NAMES if not (folder / name).exists()]
    for name in missing:
        source = FOLDER / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, folder / name)
    return missing, [name for name in NAMES if name not in missing]
