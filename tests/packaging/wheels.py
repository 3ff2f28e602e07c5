"""Builds a wheel of this checkout and installs it into a new environment, without a network."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path


def build(source: Path, folder: Path) -> Path:
    """Build the wheel of the checkout `source` in `folder`. Returns its path."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=source,
        check=True,
        capture_output=True,
        timeout=120,
    )
    [wheel] = folder.glob("*.whl")
    return wheel


def install(wheel: Path, environment: Path) -> Path:
    """Install the wheel into a new environment. Returns the folder of its commands.

    The product's dependencies are taken from the environment that the tests run in. This checkout
    is not among them, even if it is installed there as editable: Python does not read .pth files
    in a folder that a .pth file adds.
    """
    venv.create(environment, with_pip=False, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    dependencies = environment / "lib" / version / "site-packages" / "dependencies.pth"
    dependencies.write_text(sysconfig.get_path("purelib") + "\n")
    python = environment / "bin" / "python"
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps"]
    subprocess.run(
        [*uv, "--python", python, wheel],
        check=True,
        timeout=120,
    )
    return environment / "bin"
