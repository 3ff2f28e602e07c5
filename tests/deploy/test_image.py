"""The image contains everything that the product needs, and no development tools."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.deploy.files import DEPLOY
from tests.packaging.wheels import build
from tests.support.processes import ROOT, clean_environment

DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


STAGES = DOCKERFILE.split("\nFROM ")[1:]


def copied(stage: str) -> list[str]:
    """The files of the checkout that are copied into a stage."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", stage, re.MULTILINE)
    return [name for line in lines for name in line.split()[:-1]]


def test_the_bot_starts_from_the_copied_files(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    for name in copied(STAGES[0]):
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, tmp_path / "source" / name, ignore=ignored)
        else:
            shutil.copy(source, tmp_path / "source")
    built = tmp_path / "installed"
    shutil.unpack_archive(build(tmp_path / "source", tmp_path / "dist"), built, "zip")
    place = tmp_path / "place"
    place.mkdir()
    program = (
        "import sys, bot.process.roles, bot.slack.app, bot.doctor.checks, bot.process.supervision;"
        "from bot import cli; print(bot.process.roles.__file__); sys.exit(cli.main(['migrate']))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=place,
        env=clean_environment(PYTHONPATH=str(built)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[0] == str(built / "bot" / "process" / "roles.py")


def test_copied_files_are_not_excluded_from_the_build() -> None:
    patterns = (DEPLOY / "Dockerfile.dockerignore").read_text().split()

    assert patterns[0] == "*"
    exceptions = {f"!{name}" for stage in STAGES for name in copied(stage)}
    assert exceptions == {line for line in patterns if line.startswith("!")}


def test_the_image_installs_the_product_s_packages_without_development_tools() -> None:
    product = named((ROOT / "requirements.txt").read_text())
    everything = named((ROOT / "requirements-dev.txt").read_text())

    assert {"crewai", "slack-bolt", "sqlalchemy", "psycopg", "procrastinate"} <= product
    assert not {"pytest", "playwright", "ruff", "mypy"} & product
    assert {"pytest", "playwright", "ruff", "mypy"} <= everything
    assert product <= everything


def test_the_tests_run_with_the_versions_of_the_product() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^\S+==\S+", (ROOT / name).read_text(), re.MULTILINE))

    assert pins("requirements.txt") <= pins("requirements-dev.txt")


def named(requirements: str) -> set[str]:
    return set(re.findall(r"^([A-Za-z][\w.-]*)", requirements, re.MULTILINE))


def test_it_runs_as_an_unprivileged_user_below_tini() -> None:
    assert "\nUSER 10001:10001\n" in DOCKERFILE
    assert '\nENTRYPOINT ["tini", "--", "countersign"]\n' in DOCKERFILE
