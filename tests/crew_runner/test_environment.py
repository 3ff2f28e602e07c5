"""A crew's process sees none of the bot's own variables."""

from __future__ import annotations

import os

import pytest

from crew_runner.child.environment import MODEL_VARIABLES, is_secret, scrub, without_secrets


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("SLACK_BOT_TOKEN", True),
        ("SLACK_SIGNING_SECRET", True),
        ("DATABASE_URL", True),
        ("COUNTERSIGN_ENCRYPTION_KEYS", True),
        ("OPENAI_API_KEY", False),
        ("MY_SLACK_TOKEN", False),
        ("MY_DATABASE_URL", False),
        ("PATH", False),
    ],
)
def test_the_bots_own_variables_are_kept_from_a_crew_and_no_others(
    name: str, secret: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_secret(name) is secret
    assert without_secrets({name: "x", "HOME": "/"}) == (
        {"HOME": "/"} if secret else {name: "x", "HOME": "/"}
    )

    monkeypatch.setenv(name, "x")
    scrub()

    assert (name in os.environ) is not secret


def test_no_variable_that_chooses_a_model_is_one_that_a_crew_may_not_see() -> None:
    assert [name for name in MODEL_VARIABLES if is_secret(name)] == []
