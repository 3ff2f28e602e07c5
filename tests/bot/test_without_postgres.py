"""An installation for SQLite only: what needs the extra `postgres` says what to install."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import clean_environment

HIDDEN = (
    "import sys; sys.modules.update(psycopg=None, psycopg_pool=None, procrastinate=None);"
    " from bot import cli; sys.exit(cli.main(sys.argv[1:]))"
)
"""Python treats a package that is None in `sys.modules` as not installed."""

INSTALL = 'pip install "countersign[postgres]"'
SERVER = "postgresql://nobody@127.0.0.1:1/countersign"


def countersign(
    folder: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", HIDDEN, *arguments],
        cwd=folder,
        env=clean_environment(HITL_BACKEND_PORT="0", **variables),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "crews.yml").write_text(
        "crews: {note: {description: A note, command: [python, note.py]}}\n"
    )
    return tmp_path


def test_a_sqlite_file_is_migrated_without_it(folder: Path) -> None:
    ran = countersign(folder, "migrate")

    assert (ran.returncode, ran.stdout) == (0, "The database is up to date.\n"), ran.stderr


@pytest.mark.parametrize("command", ["serve", "worker", "scheduler", "migrate"])
def test_a_command_on_a_server_says_what_to_install(folder: Path, command: str) -> None:
    ran = countersign(folder, command, DATABASE_URL=SERVER)

    assert ran.returncode == 1
    message = ran.stderr.splitlines()[-1]
    assert message.endswith(f"Procrastinate, which are not installed. Install them: {INSTALL}")


def test_the_doctor_says_so_too_and_continues(folder: Path) -> None:
    ran = countersign(folder, "doctor", DATABASE_URL=SERVER)

    assert "✗ Database: PostgreSQL needs psycopg and Procrastinate" in ran.stdout
    assert f"→ Install them: {INSTALL}{os.linesep}" in ran.stdout
    assert "✓ Crews: crews.yml names note" in ran.stdout, ran.stderr


def test_a_move_to_a_server_says_so_too(folder: Path) -> None:
    countersign(folder, "migrate")

    ran = countersign(folder, "move", "--to", SERVER)

    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].endswith(INSTALL)
