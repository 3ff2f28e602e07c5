"""The starter project: crews.yml, the example crews, the Slack manifest and `.env.example`.

A checkout has these files at its root; a wheel has them in `bot/starter_files`.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

_IN_WHEEL: Final = Path(__file__).parent / "starter_files"

FOLDER: Final = _IN_WHEEL if _IN_WHEEL.is_dir() else Path(__file__).resolve().parents[1]
MANIFEST: Final = FOLDER / "manifest.yml"

NAMES: Final = ("crews.yml", "manifest.yml", ".env.example", "examples")

ADVICE: Final = "Run `countersign init` to write a starter crews.yml here, or set CREWS_FILE."


def manifest(folder: Path) -> Path:
    """The folder's own manifest.yml, or the installed one if it has none."""
    return MANIFEST if not (folder / MANIFEST.name).exists() else folder / MANIFEST.name


def write(folder: Path) -> tuple[list[str], list[str]]:
    """Copy the starter project into a folder. Raises OSError.

    Returns the names that were written, and those that existed and were left as they are.
    """
    missing = [name for name in NAMES if not (folder / name).exists()]
    for name in missing:
        source = FOLDER / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, folder / name)
    return missing, [name for name in NAMES if name not in missing]
