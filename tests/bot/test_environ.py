"""What other processes of the same user, such as crews, can read of the bot's secrets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bot.environ import is_secret
from tests.bot.conftest import bot_in, runs_note
from tests.support.processes import ROOT, clean_environment

_HIDES = """
import os
from bot.environ import hide_secrets

environ = os.open("/proc/self/environ", os.O_RDONLY)  # open before the secrets are hidden
hide_secrets()
print(sorted(name for name in os.environ if name in ("SLACK_BOT_TOKEN", "DATABASE_URL", "CITY")))
print(os.read(environ, 1_000_000).replace(b"\\0", b" ").decode())
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
def test_the_variables_for_slack_and_the_database_are_secrets(name: str, secret: bool) -> None:
    assert is_secret(name) is secret


def test_secrets_are_removed_from_the_process_and_from_proc() -> None:
    environment = clean_environment(
        SLACK_BOT_TOKEN="xoxb-secret", DATABASE_URL="postgresql://secret@host/db", CITY="Köln"
    )
    printed = subprocess.run(
        [sys.executable, "-c", _HIDES], env=environment, capture_output=True, text=True, check=True
    ).stdout

    names, initial = printed.split("\n", 1)
    assert names == "['CITY']"
    assert "secret" not in initial
    assert "CITY=Köln" in initial


_HIDES_VALUES = """
import os, sys
from bot.environ import hide_secrets

environ = os.open("/proc/self/environ", os.O_RDONLY)
cmdline = os.open("/proc/self/cmdline", os.O_RDONLY)
hide_secrets(["short", "postgresql://secret@host/db"])
print(sorted(name for name in os.environ if name in ("COPY", "PART", "SHORT", "LONGER")))
for file in environ, cmdline:
    print(os.read(file, 1_000_000).replace(b"\\0", b" ").decode())
"""


def test_a_secret_is_removed_under_every_name_and_from_the_arguments() -> None:
    url = "postgresql://secret@host/db"
    environment = clean_environment(
        COPY=url, PART=f"url={url}", SHORT="short", LONGER="a word that is shorter than short"
    )
    printed = subprocess.run(
        [sys.executable, "-c", _HIDES_VALUES, "--to", url],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    names, initial, arguments = printed.split("\n", 2)
    assert names == "['LONGER']"
    assert url not in initial
    assert "LONGER=a word" in initial
    assert f"--to {'*' * len(url)}" in arguments


def test_every_command_hides_the_secrets_as_soon_as_it_has_read_the_settings() -> None:
    """A command may start crews, which can read its /proc."""
    readers = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "bot").rglob("*.py")
        if "load_settings(" in file.read_text()
    }

    assert readers == {"bot/settings.py", "bot/environ.py"}, "use bot.environ.load_and_hide"


def test_no_process_of_the_bot_exposes_its_secrets_to_crews(note_folder: Path) -> None:
    (note_folder / "hold").touch()
    secrets = {
        "SLACK_BOT_TOKEN": "xoxb-hunter2",
        "SLACK_APP_TOKEN": "xapp-hunter2",
        "SLACK_SIGNING_SECRET": "hunter2",
        "SLACK_API_URL": "http://127.0.0.1:9/api/",
    }
    with bot_in(note_folder, workers=1, prefork_server=None, **secrets) as bot:
        bot.http.post("/api/crew/execute", json={"message": "m"})
        bot.until(lambda: runs_note(bot), what="the crew's program runs")

        environments = [_environment(process) for process in bot.family()]

    assert len(environments) >= 3
    assert all("PATH" in environment for environment in environments)
    assert "hunter2" not in str(environments)
    assert str(bot.database) not in str(environments)


def _environment(process: psutil.Process) -> str:
    """As any program of the same user can read it, if it can."""
    try:
        return Path(f"/proc/{process.pid}/environ").read_bytes().decode()
    except PermissionError:
        return "PATH cannot be read, nor anything else"
