"""The image holds all that the product needs, and nothing that only proves it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.deploy.files import DEPLOY
from tests.support.processes import ROOT, clean_environment

DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


def copied() -> list[str]:
    """What of the checkout goes into the last stage."""
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    lines = re.findall(r"^COPY (?!--from)(.+)$", last, re.MULTILINE)
    return [name for line in lines for name in line.split()[:-1]]


def test_the_bot_starts_from_what_is_copied(tmp_path: Path) -> None:
    for name in copied():
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, tmp_path / name, ignore=ignored)
        else:
            shutil.copy(source, tmp_path)
    asked = (
        "import sys, bot.process.roles, bot.slack.app, bot.doctor.checks; from bot import cli;"
        " print(bot.process.roles.__file__); sys.exit(cli.main(['migrate']))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", asked],
        cwd=tmp_path,
        env=clean_environment(PYTHONPATH=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[0] == str(tmp_path / "bot" / "roles.py")


def test_what_is_copied_is_not_kept_from_the_build() -> None:
    kept = (DEPLOY / "Dockerfile.dockerignore").read_text().split()

    assert kept[0] == "*"
    wanted = {f"!{name}" for name in (*copied(), "requirements.in", "requirements.txt")}
    assert wanted == {line for line in kept if line.startswith("!")}


def test_the_packages_are_those_of_the_product_at_the_versions_that_were_tested(
    tmp_path: Path,
) -> None:
    [scripts] = re.findall(r"^RUN (sed .+?)\\\n\s+&& (sed .+?) \\$", DOCKERFILE, re.MULTILINE)
    for name in ("requirements.in", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    for script in scripts:
        subprocess.run(["sh", "-ec", script], cwd=tmp_path, check=True)

    product = (tmp_path / "product.in").read_text()
    assert {"crewai", "slack-bolt", "SQLAlchemy", "procrastinate"} <= named(product)
    assert not {"pytest", "playwright", "ruff", "mypy"} & named(product)
    versions = (tmp_path / "versions.txt").read_text()
    assert {name.lower() for name in named(product)} <= {name.lower() for name in named(versions)}
    assert "[" not in versions, "pip takes no extras among constraints"


def named(requirements: str) -> set[str]:
    return set(re.findall(r"^([A-Za-z][\w.-]*)", requirements, re.MULTILINE))


def test_it_runs_as_nobody_and_is_buried_by_tini() -> None:
    assert "\nUSER 10001:10001\n" in DOCKERFILE
    assert '\nENTRYPOINT ["tini", "--", "python", "-m", "bot"]\n' in DOCKERFILE
