"""What the doctor says about webhooks."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.doctor.webhooks import check_webhooks
from bot.settings import load_settings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CREWS = """
crews:
  plan:
    crew: shop.crews:PlanCrew
    approvers: ["@channel"]
    webhooks: [{url: "%s", secret: "${HOOK}"}]
"""
KEY = "A" * 43 + "="


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crews.yml").write_text(CREWS % "https://one.example/")
    return tmp_path


def lines(**variables: str) -> str:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in variables.items():
            environment.setenv(name, value)
        return "\n".join(finding.line() for finding in check_webhooks(load_settings()))


def test_secrets_that_are_not_encrypted_are_a_warning() -> None:
    assert "! Webhooks: of plan; their secrets are stored unencrypted" in lines(HOOK=SECRET)
    encrypted = lines(HOOK=SECRET, COUNTERSIGN_ENCRYPTION_KEYS=KEY)
    assert encrypted == "✓ Webhooks: of plan; their secrets are encrypted in the database"


def test_a_variable_that_is_not_set_is_a_failure() -> None:
    assert "✗ Webhooks: crews.yml: crews.plan.webhooks[0].secret: the variable HOOK" in lines()


def test_a_private_address_must_be_allowed(folder: Path) -> None:
    (folder / "crews.yml").write_text(CREWS % "http://10.0.0.1/")

    assert "10.0.0.1 is not a public address" in lines(HOOK=SECRET)
    assert "✗" not in lines(HOOK=SECRET, COUNTERSIGN_WEBHOOK_ALLOW="10.0.0.0/8")


def test_allowing_everything_is_a_warning() -> None:
    allowed = lines(HOOK=SECRET, COUNTERSIGN_WEBHOOK_ALLOW="0.0.0.0/0")

    assert "! Webhooks: COUNTERSIGN_WEBHOOK_ALLOW allows every address" in allowed


def test_a_crews_file_with_mistakes_is_the_concern_of_another_check(folder: Path) -> None:
    (folder / "crews.yml").write_text("crews: {plan: {webhooks: 1}}")
    assert lines() == ""

    (folder / "crews.yml").unlink()
    assert lines() == ""
