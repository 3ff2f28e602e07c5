"""The bot's secrets, as a crew that runs as the same user could read them."""

from __future__ import annotations

from pathlib import Path

import psutil

from tests.bot.conftest import bot_in, runs_note


def test_no_process_of_the_bot_exposes_its_secrets_to_crews(note_folder: Path) -> None:
    (note_folder / "hold").touch()
    secrets = {
        "SLACK_BOT_TOKEN": "xoxb-hunter2",
        "SLACK_APP_TOKEN": "xapp-hunter2",
        "SLACK_SIGNING_SECRET": "hunter2",
        "SLACK_API_URL": "http://127.0.0.1:9/api/",
    }
    with bot_in(note_folder, workers=1, launchpad=None, **secrets) as bot:
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
