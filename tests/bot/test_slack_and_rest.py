"""Slack and REST on one bot: a decision made in one shows in the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.db.engines import open_engine
from storage.reads import Reads
from storage.states import ExecutionState
from tests.bot.conftest import bot_in, with_notes
from tests.support.message_snapshot import MessageSnapshot
from tests.support.prefork_server import PreforkServer
from tests.support.processes import BotProcess
from tests.support.workspace import ANA, BEN, Workspace


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with Workspace() as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_workspace() -> Iterator[Workspace]:
    with Workspace() as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_bot(
    shared_workspace: Workspace,
    prefork_server: PreforkServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[BotProcess]:
    """A bot in Socket Mode that posts runs started through REST in #campaigns."""
    campaigns = shared_workspace.channel("campaigns").id
    folder = with_notes(tmp_path_factory.mktemp("shared"))
    env = {**shared_workspace.env(), "COUNTERSIGN_DEFAULT_CHANNEL": campaigns}
    with bot_in(folder, workers=1, prefork_server=prefork_server, **env) as bot:
        shared_workspace.wait_until_connected()
        yield bot


def waiting_checkpoint(workspace: Workspace) -> MessageSnapshot:
    return workspace.wait_for(lambda: workspace.message_with("Continue"))


def decide(bot: BotProcess, checkpoint: Any, action: str) -> int:
    answer = bot.http.post(
        "/api/crew/feedback",
        json={
            "execution_id": checkpoint["execution_id"],
            "checkpoint_id": checkpoint["checkpoint_id"],
            "action": action,
        },
    )
    return answer.status_code


def test_over_http_a_command_and_a_click_complete_a_run(
    note_folder: Path, workspace: Workspace, prefork_server: PreforkServer
) -> None:
    env = workspace.env("http")
    with bot_in(note_folder, workers=1, prefork_server=prefork_server, **env) as bot:
        workspace.reach_by_http(f"{bot.address}/slack/events")
        bot.until(lambda: bot.http.get("/ready").status_code == 200, what="the bot is ready")
        assert bot.http.post("/slack/events", content=b"").status_code != 503
        assert workspace.verify_request_url()

        assert workspace.command("/crew note a birthday", by=ANA).ok
        waiting_checkpoint(workspace)
        assert workspace.click("Continue", by=BEN).ok
        workspace.wait_for(lambda: "execution is complete" in workspace.transcript())

        assert "slack=http" in bot.log_text
        metrics = bot.http.get("/metrics").text
        assert 'countersign_executions{state="completed"} 1.0' in metrics
        assert 'countersign_decision_seconds_count{action="continue"} 1.0' in metrics


def test_a_run_started_through_rest_has_a_thread_and_is_decided_there(
    shared_workspace: Workspace, shared_bot: BotProcess
) -> None:
    workspace, bot = shared_workspace, shared_bot
    started = bot.http.post("/api/crew/execute", json={"message": "a birthday"}).json()
    waiting_checkpoint(workspace)
    checkpoint = bot.http.get(f"/api/crew/checkpoint/{started['execution_id']}").json()

    assert workspace.click("Continue", by=BEN).ok

    assert decide(bot, checkpoint, "stop") == 409
    bot.until(
        lambda: (
            bot.http.get(f"/api/crew/status/{started['execution_id']}").json()["status"]
            == "completed"
        ),
        what="the run is completed",
    )


def test_a_decision_through_rest_removes_the_buttons_from_the_message(
    shared_workspace: Workspace, shared_bot: BotProcess
) -> None:
    workspace, bot = shared_workspace, shared_bot
    workspace.command("/crew note a wedding", by=ANA)
    message = waiting_checkpoint(workspace)
    checkpoint = the_waiting_checkpoint(bot)

    assert decide(bot, checkpoint, "stop") == 200

    workspace.wait_for(lambda: not workspace.live_buttons(workspace.again(message)))
    assert "unauthenticated loopback" in workspace.again(message).everything
    assert decide(bot, checkpoint, "continue") == 409


def the_waiting_checkpoint(bot: BotProcess) -> Any:
    """The checkpoint of the only run that waits, as REST returns it."""
    engine = open_engine(f"sqlite:///{bot.database}")
    (execution,) = Reads(engine).executions(states={ExecutionState.WAITING_FEEDBACK})
    engine.dispose()
    return bot.http.get(f"/api/crew/checkpoint/{execution.id}").json()


def test_rest_works_while_slack_is_unreachable(
    note_folder: Path, prefork_server: PreforkServer
) -> None:
    away = {
        "SLACK_BOT_TOKEN": "xoxb-1",
        "SLACK_APP_TOKEN": "xapp-1",
        "SLACK_API_URL": "http://127.0.0.1:9/api/",
    }
    with bot_in(note_folder, workers=1, prefork_server=prefork_server, **away) as bot:
        started = bot.http.post("/api/crew/execute", json={"message": "a birthday"}).json()
        path = f"/api/crew/checkpoint/{started['execution_id']}"
        bot.until(lambda: bot.http.get(path).status_code == 200, what="the checkpoint opens")

        assert decide(bot, bot.http.get(path).json(), "continue") == 200
        assert bot.stop() == 0
