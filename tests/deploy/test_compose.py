"""Compose accepts the Compose file, and each service has valid arguments and settings."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.files import DEPLOY, ROLES, assert_command, assert_settings, assert_time_to_end


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the Compose file, and the files of settings that an operator creates."""
    place = tmp_path / "docs" / "deploy"
    place.mkdir(parents=True)
    shutil.copy(DEPLOY / "compose.yml", place)
    (tmp_path / ".env").write_text("SLACK_BOT_TOKEN=xoxb-1\n")
    (place / ".env").write_text("POSTGRES_PASSWORD=sesame\n")
    return place


def configured(checkout: Path) -> subprocess.CompletedProcess[str]:
    """The result of `docker-compose config`, which needs no Docker engine."""
    return subprocess.run(
        ["docker-compose", "--file", "compose.yml", "config"],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def seconds(text: str) -> float:
    """The seconds of Compose's `5m30s` or `40s`."""
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([hms])", text))


def test_compose_accepts_the_file_and_every_service_runs_one_of_our_roles(checkout: Path) -> None:
    result = configured(checkout)
    assert result.returncode == 0, result.stderr
    services: dict[str, Any] = yaml.safe_load(result.stdout)["services"]

    assert set(services) == {"postgres", "migrate", *ROLES}
    for role, arguments in ROLES.items():
        service = services[role]
        assert service["command"] == arguments
        assert_command(arguments)
        settings = {k: v for k, v in service["environment"].items() if k != "SLACK_BOT_TOKEN"}
        assert_settings(settings)
        assert settings["DATABASE_URL"] == "postgresql://countersign:sesame@postgres/countersign"
        assert "sesame" not in str({**service["environment"], "DATABASE_URL": ""})
        assert_time_to_end(settings, killed_after=seconds(service["stop_grace_period"]))
        assert service["environment"]["COUNTERSIGN_HEALTH_PORT"] in str(service["healthcheck"])
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert list(service["depends_on"]) == ["migrate"]
    assert services["migrate"]["command"] == ["migrate"]
    assert "pg_isready" in services["postgres"]["healthcheck"]["test"]


def test_compose_asks_for_a_password_that_is_not_set(checkout: Path) -> None:
    (checkout / ".env").write_text("")

    result = configured(checkout)

    assert result.returncode != 0
    assert "set it in docs/deploy/.env" in result.stderr


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("stop_grace_period: 40s", "stop_grace_seconds: 40"),
        ("condition: service_healthy", "condition: healthy"),
    ],
)
def test_compose_refuses_a_broken_file(checkout: Path, right: str, wrong: str) -> None:
    text = (checkout / "compose.yml").read_text()
    assert right in text
    (checkout / "compose.yml").write_text(text.replace(right, wrong))

    assert configured(checkout).returncode != 0
