"""A wheel of this checkout, and an environment that it is installed into, without a network."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path


def build(source: Path, folder: Path) -> Path:
    """The wheel of the checkout in `source`, written into `folder`."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=source,
        check=True,
        capture_output=True,
        timeout=120,
    )
    [wheel] = folder.glob("*.whl")
    return wheel


def install(wheel: Path, place: Path) -> Path:
    """A new environment with the wheel in it; the folder of its commands.

    The packages that the product needs are those that the tests run with. This checkout is not
    among them, even if it is installed there to be edited: a .pth file that another one leads to
    is not read.
    """
    venv.create(place, with_pip=False, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    needed = place / "lib" / version / "site-packages" / "needed.pth"
    needed.write_text(sysconfig.get_path("purelib") + "\n")
    python = place / "bin" / "python"
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps"]
    subprocess.run(
        [*uv, "--python", python, wheel],
        check=True,
        timeout=120,
    )
    return place / "bin"
