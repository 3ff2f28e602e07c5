"""Crews that attack people or the bot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import hostile_output as hostile
from tests.support.message_snapshot import MessageSnapshot
from tests.support.prefork_server import Bot, PreforkServer
from tests.support.processes import ROOT, BotProcess
from tests.support.workspace import ANA, BEN, Workspace
from tests.trouble.oracles.messages import key_of

pytestmark = pytest.mark.slow

SHOUT = f"""
crews:
  shout:
    description: It calls everybody
    command: [python, {json.dumps(str(ROOT / "tests" / "support" / "hostile_output.py"))}]
    phases: [{{name: shout}}, {{name: again}}]
    approvers: ["@channel"]
    checkpoints: [{{name: look, after: shout, description: Look at it}}]
"""
GANG = """
crews:
  gang:
    description: It looks for secrets
    crew: tests.support.secret_search_crew:gang
    approvers: ["@channel"]
"""
WITHIN = 90.0
"""Importing crewai takes seconds even on an idle machine."""


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with Workspace(manifest=ROOT / "manifest.yml") as new_workspace:
        yield new_workspace


def thread_of(workspace: Workspace, words: str) -> list[MessageSnapshot]:
    roots = [m for m in workspace.threads() if words in m.everything]
    return workspace.thread(roots[0]) if roots else []


def result_of(workspace: Workspace, words: str) -> tuple[MessageSnapshot, str]:
    """Wait for the final message of a run and the text of its file."""

    def find() -> tuple[MessageSnapshot, str] | None:
        thread = thread_of(workspace, words)
        final = next((m for m in thread if key_of(m).startswith("final:")), None)
        files = [m for m in thread if m.files and final is not None and m.ts > final.ts]
        return (final, workspace.file_text(files[0])) if final and files else None

    return workspace.wait_for(find, WITHIN, what="the result and its file")


def test_hostile_text_pings_nobody_is_accepted_by_slack_and_is_complete_in_a_file(
    workspace: Workspace, prefork_server: PreforkServer, tmp_path: Path
) -> None:
    (tmp_path / "crews.yml").write_text(SHOUT)
    bot = Bot(prefork_server, tmp_path, env=workspace.env())
    bot.start()
    workspace.wait_until_connected()
    assert workspace.command("/crew shout at them all", by=ANA).ok
    asking = workspace.wait_for(
        lambda: next(
            (m for m in thread_of(workspace, "at them all") if m.button("Continue")), None
        ),
        40,
    )
    file = workspace.wait_for(
        lambda: next((m for m in thread_of(workspace, "at them all") if m.files), None), 20
    )
    assert workspace.click("Continue", by=BEN, message=asking).ok
    final, whole = result_of(workspace, "at them all")

    assert workspace.file_text(file) == hostile.output()
    assert whole == hostile.output()
    for message in (asking, final, file):
        pinged = workspace.again(message).pings
        assert set(pinged.users) <= {ANA}
        assert not pinged.broadcasts
        assert not pinged.groups
    assert "Look at it" in asking.everything
    assert "<https://example.org/pay|" not in asking.everything
    for text in (asking.everything, final.everything):
        assert not set(text) & set("\u202e\u202c\u2066\u2069\u200b")
    refused = [
        (call.name, call.answered)
        for call in workspace.calls()
        if isinstance(call.answered, dict) and call.answered.get("ok") is False
    ]
    assert not refused
    assert "delivery.trouble" not in bot.log_text
    bot.kill()


def test_a_tool_of_a_crew_finds_neither_tokens_nor_the_database(
    workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "crews.yml").write_text(GANG)
    with BotProcess(
        tmp_path, env=workspace.env(), crews_file=tmp_path / "crews.yml", start_within=WITHIN
    ) as bot:
        workspace.wait_until_connected(WITHIN)
        assert workspace.command("/crew gang find all secrets", by=ANA).ok
        _, loot = result_of(workspace, "find all secrets")

    entries = json.loads(loot)["found"]
    assert any(variable.startswith("PATH=") for variable in entries), (
        "the tool did not search the environment"
    )
    assert {"-m", "bot", "serve"} <= set(entries), "the tool did not search the bot's own process"
    secrets = [*workspace.env().values(), f"sqlite:///{bot.database}"]
    for secret in secrets:
        if not secret.startswith("http"):
            assert not [entry for entry in entries if secret in entry.split("=", 1)[-1]], secret
