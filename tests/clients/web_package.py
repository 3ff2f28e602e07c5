"""The npm package of the web client, installed outside the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from tests.support.processes import ROOT, wait_until

SOURCE: Final = ROOT / "clients" / "web"
_NOT_COPIED: Final = ("node_modules", "dist")


class WebPackage:
    """A copy of clients/web with its dependencies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def npm(self, *arguments: str, **env: str) -> str:
        """Run npm; return what it printed."""
        result = subprocess.run(
            [_program("npm"), *arguments],
            cwd=self.folder,
            env={**_environment(), **env},
            capture_output=True,
            text=True,
            check=False,
            timeout=140,
        )
        command = " ".join(arguments)
        assert result.returncode == 0, f"npm {command}\n{result.stdout}\n{result.stderr}"
        return result.stdout

    def node(self, script: Path, **env: str) -> str:
        """Run a script with node; return what it printed."""
        result = subprocess.run(
            [_program("node"), str(script)],
            cwd=self.folder,
            env={**_environment(), **env},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert result.returncode == 0, f"{script.read_text()}\n{result.stdout}\n{result.stderr}"
        return result.stdout

    @contextmanager
    def serving(self, *arguments: str, port: int, **env: str) -> Iterator[str]:
        """Run `vite ARGUMENTS` until the block ends; yields the address of the page."""
        log = self.folder / f"vite-{port}.log"
        vite = self.folder / "node_modules" / "vite" / "bin" / "vite.js"
        address = f"http://localhost:{port}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [_program("node"), str(vite), *arguments, "--port", str(port), "--strictPort"],
                cwd=self.folder,
                env={**_environment(), **env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until(
                lambda: _answers(address),
                within=60,
                what="the page is served",
                shown=lambda: log.read_text(errors="replace"),
            )
            yield address
        finally:
            process.kill()
            process.wait()
            log.unlink()


def install(folder: Path) -> WebPackage:
    """Copy the package into this folder, and install what it needs unless that is there already."""
    for old in folder.iterdir():
        if old.name not in {"node_modules", "installed.json"}:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns(*_NOT_COPIED), dirs_exist_ok=True)
    package = WebPackage(folder)
    lock, marker = (folder / "package-lock.json").read_text(), folder / "installed.json"
    if not marker.exists() or marker.read_text() != lock:
        package.npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
        marker.write_text(lock)
    return package


def _environment() -> dict[str, str]:
    return {**os.environ, "CI": "true", "NO_COLOR": "1"}


def _program(name: str) -> str:
    path = shutil.which(name)
    assert path is not None, f"{name} is missing"
    return path


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
