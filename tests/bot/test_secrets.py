"""A crew that tries every way to the bot's secrets finds none, and keeps its own."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bot.test_supervision import Practice
from tests.support.processes import ROOT, BotProcess, clean_environment, wait_until

WITHIN = 90.0
REQUEST = "a request that only the database has"
SECRETS = {
    "SLACK_BOT_TOKEN": "xoxb-the-bots-own-token",
    "SLACK_APP_TOKEN": "xapp-the-bots-own-token",
    "SLACK_SIGNING_SECRET": "the-bots-signing-secret",
}
HOOK = {"HOOK_SECRET": "whsec_dGhlIHNlY3JldCBvZiBhIHdlYmhvb2s="}
API = {"SLACK_API_URL": "http://127.0.0.1:9/api/"}
GANG = """
crews:
  gang:
    description: It looks for secrets
    crew: burglar:gang
    approvers: ["@channel"]
    webhooks: [{url: "https://receiver.invalid/", secret: "${HOOK_SECRET}"}]
"""


@pytest.fixture
def bot_folder(tmp_path: Path) -> Path:
    """The bot's folder, with a crew that searches, and a folder `loot` for what it finds."""
    folder = tmp_path / "bot"
    folder.mkdir()
    (tmp_path / "loot").mkdir()
    shutil.copy(ROOT / "tests" / "support" / "secret_search_crew.py", folder / "burglar.py")
    (folder / "crews.yml").write_text(GANG)
    return folder


def env_file(folder: Path, **more: str) -> None:
    """All of the bot's settings are in its `.env`, as in most installations."""
    database = f"sqlite:///{folder / 'countersign.db'}"
    variables = {
        **SECRETS,
        **HOOK,
        **API,
        "DATABASE_URL": database,
        "LOOT_FOLDER": str(folder.parent / "loot"),
        **more,
    }
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))


def loot(folder: Path, *, of: tuple[str, ...]) -> str:
    """What the crew found, which must not be nothing."""
    files = [folder.parent / "loot" / f"{when}.json" for when in of]
    wait_until(lambda: all(file.exists() for file in files), within=WITHIN, what="the searches")
    found = [json.loads(file.read_text()) for file in files]
    for entries in found:
        assert any(entry.startswith("PATH=") for entry in entries), "it did not search"
    return "\n".join(entry for entries in found for entry in entries)


def assert_no_secret_in(found: str) -> None:
    for name, secret in (SECRETS | HOOK).items():
        assert secret not in found, name
    assert not re.search(r"(?i)database_url\W+sqlite", found)


@pytest.mark.parametrize("where", ["in the environment", "in .env"])
def test_no_search_of_a_crew_finds_a_secret_of_the_serving_bot(
    bot_folder: Path, where: str
) -> None:
    env = {"LOOT_FOLDER": str(bot_folder.parent / "loot"), **API}
    if where == "in .env":
        env_file(bot_folder)
    else:
        env |= SECRETS | HOOK
    with BotProcess(
        bot_folder, env=env, crews_file=bot_folder / "crews.yml", start_within=WITHIN
    ) as bot:
        bot.http.post("/api/crew/execute", json={"message": REQUEST})
        found = loot(bot_folder, of=("build", "function", "run"))

    assert_no_secret_in(found)
    assert REQUEST not in found, "the database was read"
    assert "serve" in found, "it did not search the bot's own process"


def test_no_search_of_a_crew_finds_a_secret_of_the_worker(bot_folder: Path) -> None:
    env_file(bot_folder)
    with BotProcess(
        bot_folder,
        crews_file=bot_folder / "crews.yml",
        command="worker",
        start_within=WITHIN,
        env=SECRETS | HOOK,
    ):
        found = loot(bot_folder, of=("build", "function"))

    assert_no_secret_in(found)


def test_no_search_of_a_crew_finds_a_secret_of_the_doctor(bot_folder: Path) -> None:
    database = {"DATABASE_URL": f"sqlite:///{bot_folder / 'countersign.db'}"}
    env = {"LOOT_FOLDER": str(bot_folder.parent / "loot"), **API, **SECRETS, **HOOK, **database}
    printed = subprocess.run(
        [sys.executable, "-m", "bot", "doctor"],
        cwd=bot_folder,
        env=clean_environment(HITL_BACKEND_PORT="0", **env),
        capture_output=True,
        text=True,
        timeout=2 * WITHIN,
        check=False,
    ).stdout
    found = loot(bot_folder, of=("build", "function"))

    assert "Crew gang: can be built" in printed
    assert "doctor" in found, "it did not search the doctor's own process"
    assert_no_secret_in(found)


def test_no_search_of_a_crew_finds_a_secret_in_practice(bot_folder: Path) -> None:
    """Practice replaces the bot's settings, and must not give away those it replaces."""
    env_file(bot_folder)
    practice = Practice(bot_folder, prefork_server=None, **SECRETS, **HOOK, **API)
    try:
        practice.ready()
        found = loot(bot_folder, of=("build", "function"))
    finally:
        practice.process.terminate()
        practice.process.wait(60)

    assert "practice" in found, "it did not search the supervisor"
    assert_no_secret_in(found)
    assert "xoxb-practice" not in found
