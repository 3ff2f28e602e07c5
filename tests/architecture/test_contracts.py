"""The import contracts between the packages: `make check` fails on a forbidden import."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("bot", "crew_runner", "practice", "storage")

CREWAI = "crewai is imported by the crew's process and the shipped crews alone"
SLACK = "slack_bolt and slack_sdk are imported by bot.slack alone"
CHILD = "the crew's process imports nothing but itself, CrewAI and what CrewAI brings"
PRACTICE = "the practice workspace imports nothing of ours and nothing of Slack's"
STORAGE = "storage imports nothing of ours, and no front end, runner or web library"
FRONT_ENDS = "the front ends import neither each other nor the runner"
CYCLES = "no room imports a room that imports it"


def checked(folder: Path) -> dict[str, bool]:
    """By name, whether the tree in `folder` keeps each contract."""
    finished = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line.partition(" (")[0].strip() for line in finished.stdout.splitlines()]
    kept = {line.removesuffix(" KEPT"): True for line in lines if line.endswith(" KEPT")}
    broken = {line.removesuffix(" BROKEN"): False for line in lines if line.endswith(" BROKEN")}
    assert kept or broken, finished.stdout + finished.stderr
    return kept | broken


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_unchanged_tree_keeps_every_contract(copy: Path) -> None:
    contracts = checked(copy)

    assert contracts.keys() >= {CREWAI, SLACK, CHILD, PRACTICE, STORAGE, FRONT_ENDS, CYCLES}
    assert all(contracts.values())


@pytest.mark.parametrize(
    ("folder", "line", "contract"),
    [
        ("crew_runner/host", "import crewai", CREWAI),
        ("crew_runner/config", "import crewai", CREWAI),
        ("bot/doctor", "import slack_sdk", SLACK),
        ("bot/process", "import slack_sdk", SLACK),
        ("bot/slack/render", "from crew_runner.host import worker", FRONT_ENDS),
        ("practice", "from bot.process import signals", PRACTICE),
        ("crew_runner/child", "from storage import records", CHILD),
        ("crew_runner/child", "import psutil", CHILD),
        ("storage/db", "from bot import settings", STORAGE),
        ("storage/db", "from storage.use_cases import decisions", CYCLES),
    ],
)
def test_a_forbidden_import_breaks_its_contract(
    copy: Path, folder: str, line: str, contract: str
) -> None:
    module = next(path for path in (copy / folder).glob("*.py") if path.stat().st_size > 0)
    module.write_text(f"{module.read_text()}\n{line}\n")

    assert checked(copy)[contract] is False
