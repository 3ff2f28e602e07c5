"""Creates a project's own environment with uv."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from crew_runner.projects.discovery import own_python

_NOT_FOR_UV: Final = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
"""Variables of our own environment, which is not the project's."""


class CannotCreate(Exception):
    """The environment was not created. The message says why, and what to do."""


def can_be_created(folder: Path) -> bool:
    """Whether the project has no environment, but says what belongs into one."""
    files = (folder / "pyproject.toml", folder / "uv.lock")
    return own_python(folder) is None and any(file.is_file() for file in files)


def sync_arguments(target: str) -> tuple[str, ...]:
    """The arguments for uv. A crew that is a JSON file has no package to install."""
    is_json = target.endswith((".json", ".jsonc"))
    return ("sync", "--no-install-project") if is_json else ("sync",)


def create(folder: Path, arguments: Sequence[str]) -> None:
    """Run uv in the project's folder; its progress is printed. Raises CannotCreate."""
    command = [*_uv(folder), *arguments]
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_UV}
    try:
        ended = subprocess.run(command, cwd=folder, env=environment, check=False)  # noqa: S603 uv
    except OSError as error:
        raise CannotCreate(f"uv cannot be started: {error}.") from error
    if ended.returncode != 0:
        raise CannotCreate(
            f"uv could not create the environment (exit code {ended.returncode}); it says above "
            f"why. Fix that, or run `uv {' '.join(arguments)}` in {folder} yourself."
        )
    if own_python(folder) is None:
        raise CannotCreate(
            f"uv ended, but there is no .venv in {folder}. Set `python` in crews.yml to the "
            "environment's interpreter."
        )


def _uv(folder: Path) -> list[str]:
    beside_python = Path(sys.executable).parent / "uv"
    if beside_python.exists():
        return [str(beside_python)]
    if (program := shutil.which("uv")) is not None:
        return [program]
    if importlib.util.find_spec("uv") is not None:
        return [sys.executable, "-m", "uv"]
    raise CannotCreate(
        f"uv is not installed. Install it (`pip install uv`), or create a .venv in {folder} "
        "yourself."
    )
