"""systemd accepts the units, and they start commands that exist."""

from __future__ import annotations

import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path
from typing import Final

import pytest

from tests.deploy.files import DEPLOY, ROLES, assert_command, assert_settings, assert_time_to_end

UNITS: Final = {
    "bot": "countersign-serve.service",
    "worker": "countersign-worker@.service",
    "scheduler": "countersign-scheduler.service",
}


class Unit(RawConfigParser):
    """A unit, whose settings may occur more than once."""

    def __init__(self, name: str) -> None:
        super().__init__(strict=False)
        self.optionxform = str  # type: ignore[assignment,method-assign]  # names as they are
        self.lines = (DEPLOY / "systemd" / name).read_text()
        self.read_string(self.lines)

    @property
    def environment(self) -> dict[str, str]:
        words = [
            word
            for line in self.lines.splitlines()
            if line.startswith("Environment=")
            for word in line.removeprefix("Environment=").split()
        ]
        return dict(word.split("=", 1) for word in words)


def verified(folder: Path, change: tuple[str, str] = ("", "")) -> subprocess.CompletedProcess[str]:
    """The result of `systemd-analyze verify` for all units, with the command in its place."""
    there = []
    for name in UNITS.values():
        text = (DEPLOY / "systemd" / name).read_text().replace(*change)
        path = folder / name.replace("@", "@1")
        path.write_text(
            text.replace("/opt/countersign/.venv/bin/countersign", shutil.which("env") or "")
        )
        there.append(str(path))
    return subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *there],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    result = verified(tmp_path)

    assert (result.returncode, result.stdout + result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("right", "wrong", "word"),
    [
        ("ProtectSystem=strict", "ProtectSystem=very", "very"),
        ("RestartSec=2", "RestartSeconds=2", "RestartSeconds"),
        ("/bin/countersign ", "/bin/countersing ", "countersing"),
        ("Type=notify", "Type=notified", "notified"),
    ],
)
def test_systemd_reports_a_mistake_in_a_unit(
    tmp_path: Path, right: str, wrong: str, word: str
) -> None:
    result = verified(tmp_path, (right, wrong))

    assert word in result.stdout + result.stderr


@pytest.mark.parametrize("role", UNITS)
def test_a_unit_starts_its_role_with_settings_that_exist(role: str) -> None:
    unit = Unit(UNITS[role])
    service = unit["Service"]

    start = service["ExecStart"].split()
    assert start[0] == "/opt/countersign/.venv/bin/countersign"
    assert start[1:] == ROLES[role]
    assert_command(start[1:])
    ours = {name: value for name, value in unit.environment.items() if name != "HOME"}
    assert_settings(ours)
    assert_time_to_end(ours, killed_after=float(service["TimeoutStopSec"]))
    assert service["Type"] == "notify"
    assert service["Restart"] == "always"
    assert "\nProtectProc=" not in unit.lines
