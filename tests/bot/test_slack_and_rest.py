"""Slack and REST over one bot: what is decided in one shows in the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.db.engines import open_engine
from storage.reads import Reads
from storage.states import ExecutionState
from tests.bot.conftest import with_notes
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
    launchpad: PreforkServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[BotProcess]:
    """A bot that is reached over a socket and posts runs of REST in #campaigns."""
    campaigns = shared_workspace.channel("campaigns").id
    folder = with_notes(tmp_path_factory.mktemp("shared"))
    env = {**shared_workspace.env(), "COUNTERSIGN_DEFAULT_CHANNEL": campaigns}
    with bot_in(folder, env, launchpad) as bot:
        shared_workspace.wait_until_connected()
        yield bot


def bot_in(folder: Path, env: dict[str, str], launchpad: PreforkServer) -> BotProcess:
    return BotProcess(
        folder, workers=1, crews_file=folder / "crews.yml", env=env, launchpad=launchpad
    )


def waiting_checkpoint(workspace: Workspace) -> MessageSnapshot:
    return workspace.wait_for(lambda: workspace.message_with("Continue"))


def decide(bot: BotProcess, shown: Any, action: str) -> int:
    answer = bot.http.post(
        "/api/crew/feedback",
        json={
            "execution_id": shown["execution_id"],
            "checkpoint_id": shown["checkpoint_id"],
            "action": action,
        },
    )
    return answer.status_code


def test_over_http_a_command_and_a_click_lead_to_the_end(
    note_folder: Path, workspace: Workspace, launchpad: PreforkServer
) -> None:
    with bot_in(note_folder, workspace.env("http"), launchpad) as bot:
        workspace.reach_by_http(f"{bot.address}/slack/events")
        bot.until(
            lambda: bot.http.post("/slack/events", content=b"").status_code != 503,
            what="Slack's door is open",
        )
        assert workspace.verify_request_url()

        assert workspace.command("/crew note a birthday", by=ANA).ok
        waiting_checkpoint(workspace)
        assert workspace.click("Continue", by=BEN).ok
        workspace.wait_for(lambda: "execution is complete" in workspace.transcript())

        assert "slack=http" in bot.log_text


def test_a_run_started_through_rest_has_its_thread_and_is_decided_there(
    shared_workspace: Workspace, shared_bot: BotProcess
) -> None:
    workspace, bot = shared_workspace, shared_bot
    started = bot.http.post("/api/crew/execute", json={"message": "a birthday"}).json()
    waiting_checkpoint(workspace)
    shown = bot.http.get(f"/api/crew/checkpoint/{started['execution_id']}").json()

    assert workspace.click("Continue", by=BEN).ok

    assert decide(bot, shown, "stop") == 409
    bot.until(
        lambda: (
            bot.http.get(f"/api/crew/status/{started['execution_id']}").json()["status"]
            == "completed"
        ),
        what="the run is completed",
    )


def test_a_decision_through_rest_takes_the_buttons_off_the_message(
    shared_workspace: Workspace, shared_bot: BotProcess
) -> None:
    workspace, bot = shared_workspace, shared_bot
    workspace.command("/crew note a wedding", by=ANA)
    message = waiting_checkpoint(workspace)
    shown = the_waiting_one(bot)

    assert decide(bot, shown, "stop") == 200

    workspace.wait_for(lambda: not workspace.live_buttons(workspace.again(message)))
    assert "unauthenticated loopback" in workspace.again(message).everything
    assert decide(bot, shown, "continue") == 409


def the_waiting_one(bot: BotProcess) -> Any:
    """What REST shows of the only run that waits."""
    engine = open_engine(f"sqlite:///{bot.database}")
    (execution,) = Reads(engine).executions(states={ExecutionState.WAITING_FEEDBACK})
    engine.dispose()
    return bot.http.get(f"/api/crew/checkpoint/{execution.id}").json()


def test_a_slack_that_is_away_keeps_nobody_from_rest(
    note_folder: Path, launchpad: PreforkServer
) -> None:
    away = {
        "SLACK_BOT_TOKEN": "xoxb-1",
        "SLACK_APP_TOKEN": "xapp-1",
        "SLACK_API_URL": "http://127.0.0.1:9/api/",
    }
    with bot_in(note_folder, away, launchpad) as bot:
        started = bot.http.post("/api/crew/execute", json={"message": "a birthday"}).json()
        path = f"/api/crew/checkpoint/{started['execution_id']}"
        bot.until(lambda: bot.http.get(path).status_code == 200, what="the checkpoint opens")

        assert decide(bot, bot.http.get(path).json(), "continue") == 200
        assert bot.stop() == 0
