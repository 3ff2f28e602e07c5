"""Tokens that are made, used and revoked while the bot runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.db.engines import open_engine
from storage.reads import Reads
from storage.states import ExecutionState
from tests.bot.conftest import bot_in
from tests.support.prefork_server import PreforkServer
from tests.support.processes import BotProcess, run
from tests.support.workspace import ANA, BEN, GUS, OLGA, Workspace

EXECUTE, FEEDBACK = "/api/crew/execute", "/api/crew/feedback"


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with Workspace() as opened:
        yield opened


def make_token(folder: Path, prefork_server: PreforkServer, *arguments: str) -> dict[str, str]:
    """Run `countersign tokens create`. Returns the header with the token."""
    ended = run(folder, "tokens", "create", *arguments, prefork_server=prefork_server)
    assert ended.returncode == 0, ended.stderr
    return {"Authorization": f"Bearer {ended.stdout.splitlines()[-1]}"}


def closed(bot: BotProcess) -> bool:
    return bot.http.get("/api/crews").status_code == 401


def the_waiting_execution(bot: BotProcess) -> str:
    engine = open_engine(f"sqlite:///{bot.database}")
    (execution,) = Reads(engine).executions(states={ExecutionState.WAITING_FEEDBACK})
    engine.dispose()
    return execution.id


def test_a_token_closes_a_running_bot_and_a_key_outlives_its_death(
    note_folder: Path, prefork_server: PreforkServer
) -> None:
    with bot_in(note_folder, workers=1, prefork_server=prefork_server) as bot:
        assert bot.http.get("/api/crews").status_code == 200

        token = make_token(note_folder, prefork_server, "--scopes", "execute,read")
        bot.until(lambda: closed(bot), what="the API is closed", within=2)
        headers = {**token, "Idempotency-Key": "order-17"}
        first = bot.http.post(EXECUTE, json={"message": "a birthday"}, headers=headers)
        assert first.status_code == 200
        bot.kill()
        bot.start()
        again = bot.http.post(EXECUTE, json={"message": "a birthday"}, headers=headers)
        assert (again.status_code, again.json()) == (200, first.json())
        assert again.headers["Idempotent-Replayed"] == "true"

        secret = token["Authorization"].split()[1]
        run(note_folder, "tokens", "revoke", secret[:12], prefork_server=prefork_server)
        bot.until(
            lambda: bot.http.get("/api/crews", headers=token).status_code == 401,
            what="the token is revoked",
            within=2,
        )
        assert bot.http.get("/health").status_code == 200
        assert secret not in bot.log_text


def test_a_token_made_as_a_person_has_this_persons_rights_in_slack(
    note_folder: Path, workspace: Workspace, prefork_server: PreforkServer
) -> None:
    persons = {
        user: make_token(
            note_folder, prefork_server, "--scopes", "execute,read,decide", "--as", user
        )
        for user in (BEN, GUS, OLGA, "U00NOBODY1")
    }
    with bot_in(note_folder, workers=1, prefork_server=prefork_server, **workspace.env()) as bot:
        workspace.wait_until_connected()
        assert workspace.command("/crew note a wedding", by=ANA).ok
        message = workspace.wait_for(lambda: workspace.message_with("Continue"))
        waiting = the_waiting_execution(bot)

        def decide(user: str) -> int:
            path = f"/api/crew/checkpoint/{waiting}"
            seen = bot.http.get(path, headers=persons[user])
            if seen.status_code != 200:
                return seen.status_code
            body = {
                "execution_id": waiting,
                "checkpoint_id": seen.json()["checkpoint_id"],
                "action": "continue",
            }
            return bot.http.post(FEEDBACK, json=body, headers=persons[user]).status_code

        assert decide("U00NOBODY1") == 404
        assert decide(GUS) == 403
        assert decide(OLGA) == 403
        assert decide(BEN) == 200
        workspace.wait_for(lambda: not workspace.live_buttons(workspace.again(message)))
        assert f"Continued by <@{BEN}>" in workspace.again(message).everything


def test_beyond_loopback_the_bot_starts_with_a_valid_token_alone(
    note_folder: Path, prefork_server: PreforkServer
) -> None:
    everywhere = {"HITL_BACKEND_HOST": "0.0.0.0"}
    refused = run(note_folder, "serve", prefork_server=prefork_server, **everywhere)
    assert refused.returncode == 2
    assert "there is no valid token" in refused.stderr

    token = make_token(note_folder, prefork_server, "--scopes", "read")
    with bot_in(note_folder, workers=0, prefork_server=prefork_server, **everywhere) as bot:
        assert closed(bot)
        assert bot.http.get("/api/crews", headers=token).status_code == 200
