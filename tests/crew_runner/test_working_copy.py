"""A crew in a working copy has the environment of the project that was copied."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from crew_runner.child.messages import Job, to_child
from crew_runner.child.records import CrewKind
from crew_runner.child.withheld import Withheld
from tests.support.processes import ROOT, clean_environment

_CHILD = """
import json, multiprocessing, os, sys
from pathlib import Path
from crew_runner.child.messages import from_worker
from crew_runner.child.project_environment import enter_environment, withhold_secrets

job = from_worker(sys.stdin.buffer.read())
withhold_secrets(job)
enter_environment(job)
import dotenv

def contents(path):
    try:
        return Path(path).read_text()
    except FileNotFoundError:
        return None

print(json.dumps({
    "folder": os.getcwd(),
    "sea": os.environ.get("SEA"),
    "token": os.environ.get("SLACK_BOT_TOKEN"),
    "values": dotenv.dotenv_values(".env"),
    "files": [contents(path) for path in (".env", job.origin + "/.env")],
    "main": sys.modules["__main__"].__file__,
}))
"""


@pytest.fixture
def copied(tmp_path: Path) -> tuple[Path, Path]:
    """A project and its working copy."""
    folders = tmp_path / "origin", tmp_path / "elsewhere" / "copy"
    for folder in folders:
        (folder / "src" / "acme").mkdir(parents=True)
        (folder / "src" / "acme" / "main.py").write_text("raise RuntimeError('imported again')\n")
        (folder / ".env").write_text("SEA=Baltic\nSLACK_BOT_TOKEN=xoxb-1\n")
    return folders


def entered(origin: Path, copy: Path, withheld: Withheld, **extra: str) -> dict[str, Any]:
    job = Job(
        CrewKind.CREW,
        target="acme.main:run",
        project=str(copy),
        origin=str(origin),
        extra=extra,
        withheld=withheld,
    )
    process = subprocess.run(
        [sys.executable, "-c", _CHILD],
        cwd=ROOT,
        env=clean_environment(),
        input=to_child(job),
        capture_output=True,
        check=True,
    )
    report: dict[str, Any] = json.loads(process.stdout)
    return report


def test_the_crew_works_in_the_copy_with_the_variables_of_the_project(
    copied: tuple[Path, Path],
) -> None:
    origin, copy = copied
    (origin / ".env").write_text("SEA=North\nSLACK_BOT_TOKEN=xoxb-of-the-crew\n")

    report = entered(origin, copy, Withheld.of(["xoxb-1"]))

    assert report["folder"] == str(copy)
    assert report["sea"] == "North"
    assert report["token"] == "xoxb-of-the-crew"
    assert report["main"] == str(copy / "src" / "acme" / "main.py")


def test_a_copy_of_the_bots_own_folder_does_not_reveal_the_bots_env_file(
    copied: tuple[Path, Path],
) -> None:
    origin, copy = copied

    report = entered(origin, copy, Withheld.of(["xoxb-1"], [str(origin / ".env")]), SEA="Baltic")

    assert report["files"] == [None, None]
    assert report["values"] == {"SEA": "Baltic"}
    assert report["sea"] == "Baltic"
    assert report["token"] is None


def test_new_processes_of_multiprocessing_do_not_run_the_projects_main_file(
    copied: tuple[Path, Path],
) -> None:
    origin, copy = copied
    (copy / "sums.py").write_text("def add(one, other):\n    return one + other\n")
    code = """
with multiprocessing.get_context("spawn").Pool(1) as pool:
    import sums
    print(pool.apply(sums.add, (1, 2)))
"""
    job = Job(CrewKind.CREW, target="acme.main:run", project=str(copy), origin=str(origin))
    start = _CHILD.partition("import dotenv")[0]
    process = subprocess.run(
        [sys.executable, "-c", start + code],
        env=clean_environment(),
        input=to_child(job),
        capture_output=True,
        check=True,
    )

    assert process.stdout.strip() == b"3"
