"""Environments with other versions of CrewAI, made by uv in the folder `var/compat`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.support.processes import ROOT

FOLDER: Final = ROOT / "var" / "compat"


class NotInstalled(Exception):
    """An environment could not be made. The text says why."""


def python_with(crewai: str, *, python: str = sys.executable, folder: Path = FOLDER) -> Path:
    """The interpreter of an environment with this version of CrewAI, which is made if needed."""
    environment = folder / f"crewai-{crewai}-{Path(python).name}"
    interpreter = environment / "bin" / "python"
    complete = environment / "complete"
    if not complete.exists():
        _uv("venv", "--clear", "--python", python, str(environment))
        _uv("pip", "install", "--python", str(interpreter), f"crewai=={crewai}")
        complete.touch()
    return interpreter


def _uv(*arguments: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "uv", *arguments, "--quiet"],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if ran.returncode:
        raise NotInstalled(
            f"`uv {' '.join(arguments)}` failed. An environment with another CrewAI needs a "
            f"package index: {ran.stderr.strip()}"
        )
