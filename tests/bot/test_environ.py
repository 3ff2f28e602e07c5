"""What other processes of the same user can read of a bot that has read its secrets."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bot.process.environ import is_secret
from tests.support.processes import clean_environment

_HIDES = """
import os
from bot.process.environ import hide_secrets

place = os.open("/proc/self/environ", os.O_RDONLY)  # as somebody who looked before may hold it
hide_secrets()
print(sorted(name for name in os.environ if name in ("SLACK_BOT_TOKEN", "DATABASE_URL", "CITY")))
print(os.read(place, 1_000_000).replace(b"\\0", b" ").decode())
"""


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("SLACK_BOT_TOKEN", True),
        ("DATABASE_URL", True),
        ("OPENAI_API_KEY", False),
        ("MY_DATABASE_URL", False),
        ("COUNTERSIGN_GRACE_SECONDS", False),
    ],
)
def test_the_variables_that_open_slack_and_the_database_are_secrets(
    name: str, secret: bool
) -> None:
    assert is_secret(name) is secret


def test_secrets_are_gone_from_the_process_and_from_proc() -> None:
    environment = clean_environment(
        SLACK_BOT_TOKEN="xoxb-secret", DATABASE_URL="postgresql://secret@host/db", CITY="Köln"
    )
    seen = subprocess.run(
        [sys.executable, "-c", _HIDES], env=environment, capture_output=True, text=True, check=True
    ).stdout

    names, initial = seen.split("\n", 1)
    assert names == "['CITY']"
    assert "secret" not in initial
    assert "CITY=Köln" in initial
