"""One run, shown and decided in Slack over HTTP and through REST."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from tests.support.prefork_server import PreforkServer
from tests.support.processes import BotProcess, crews_file
from tests.support.workspace import ANA, BEN, MessageSnapshot, Workspace

PHASE_SECONDS = 45


@pytest.fixture(scope="module")
def bot_over_http(
    workspace: Workspace,
    crewai_prefork_server: PreforkServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[BotProcess]:
    env = workspace.env("http") | {
        "COUNTERSIGN_DEFAULT_CHANNEL": workspace.channel("campaigns").id,
    }
    folder = tmp_path_factory.mktemp("bot")
    crews = crews_file(folder, "plan")
    with BotProcess(folder, env=env, crews_file=crews, prefork_server=crewai_prefork_server) as bot:
        workspace.reach_by_http(f"{bot.address}/slack/events")
        bot.until(lambda: "serve.started" in bot.log_text, what="the door opens")
        yield bot


def waiting(workspace: Workspace) -> MessageSnapshot:
    return workspace.wait_for(lambda: workspace.message_with("Continue"), PHASE_SECONDS)


def test_the_main_job_over_signed_http_with_a_decision_by_rest(
    workspace: Workspace, bot_over_http: BotProcess
) -> None:
    http = bot_over_http.http
    assert workspace.command("/crew plan a spring sale for a bookshop", by=ANA).ok

    first = waiting(workspace)
    assert workspace.click("Continue", by=BEN, message=first).ok

    second = workspace.wait_for(
        lambda: (m := workspace.message_with("Continue")) and m.ts != first.ts and m, PHASE_SECONDS
    )
    with sqlite3.connect(bot_over_http.database) as database:
        newest = "SELECT id FROM executions ORDER BY created_at DESC LIMIT 1"
        [(execution_id,)] = database.execute(newest)
    checkpoint = http.get(f"/api/crew/checkpoint/{execution_id}").json()
    assert checkpoint["checkpoint_name"] == "after_analysis"
    answered = http.post(
        "/api/crew/feedback",
        json={
            "execution_id": execution_id,
            "checkpoint_id": checkpoint["checkpoint_id"],
            "action": "continue",
        },
    )
    assert answered.status_code == 200, answered.text
    workspace.wait_for(lambda: not workspace.live_buttons(second), what="the buttons to go")
    late = workspace.click("Stop", by=BEN, message=second)
    assert late.ok
    workspace.wait_for(lambda: "already" in workspace.ephemeral(BEN).lower())

    third = workspace.wait_for(lambda: workspace.message_with("Continue"), PHASE_SECONDS)
    workspace.click("Continue", by=ANA, message=third)
    final = workspace.wait_for(
        lambda: next((m for m in workspace.thread(third) if "complete" in m.text), None),
        PHASE_SECONDS,
    )
    assert "bookshop" in final.everything.lower()
    status = http.get(f"/api/crew/status/{execution_id}").json()
    assert status["status"] == "completed"
    assert len(status["completed_checkpoints"]) == 3
    assert "bookshop" in status["result"]["output"].lower()


def test_a_run_started_by_rest_gets_its_thread_and_a_click_there_is_seen_by_rest(
    workspace: Workspace, bot_over_http: BotProcess
) -> None:
    http = bot_over_http.http
    started = http.post(
        "/api/crew/execute",
        json={"message": "a spring sale for a bookshop", "checkpoints": ["after_planning"]},
    ).json()

    checkpoint = waiting(workspace)
    workspace.click("Stop", by=BEN, message=checkpoint)

    bot_over_http.until(
        lambda: (
            http.get(f"/api/crew/status/{started['execution_id']}").json()["status"] == "stopped"
        ),
        what="REST sees the click",
    )
    response = http.get(f"/api/crew/checkpoint/{started['execution_id']}")
    assert response.status_code == 400
