"""A client of CrewAI AMP and people in Slack, on one bot with real webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.bot.amp_client import AmpClient
from tests.bot.conftest import bot_in
from tests.support.message_snapshot import MessageSnapshot
from tests.support.prefork_server import PreforkServer
from tests.support.processes import BotProcess, wait_until
from tests.support.workspace import BEN, Workspace
from tests.webhooks.receivers import Received, Receiver, receiving

SECRET = "whsec_of_the_operator"
CREWS = """
crews:
  report:
    description: A report in two tasks
    command: [python, report.py]
    phases: [{name: research}, {name: writing}]
    approvers: ["@channel"]
    checkpoints: [{name: look, after: research, description: Read the research}]
  signed:
    description: A crew of which the operator's own system hears
    command: [python, report.py]
    phases: [{name: research}, {name: writing}]
    approvers: ["@channel"]
    checkpoints: [{name: look, after: research, description: Read the research}]
    webhooks: [{url: "RECEIVER", secret: "SECRET", format: amp}]
"""
REPORT = """
import json, sys
inputs = json.load(sys.stdin)
text = inputs["phase"] + " of " + inputs["user_input"] + " " + inputs.get("feedback", "")
task = {"task": inputs["phase"] + "_task", "agent": "Researcher", "output": text.strip()}
print(json.dumps({"status": "complete", "output": text.strip(), "task_outputs": [task],
                  "revised": True, "token_usage": {"prompt_tokens": 7, "completion_tokens": 5}}))
"""


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with Workspace() as opened:
        yield opened


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as opened:
        yield opened


@pytest.fixture(scope="module")
def bot(
    workspace: Workspace,
    receiver: Receiver,
    prefork_server: PreforkServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[BotProcess]:
    folder = tmp_path_factory.mktemp("amp")
    crews = CREWS.replace("RECEIVER", f"{receiver.url}/signed").replace("SECRET", SECRET)
    (folder / "crews.yml").write_text(crews)
    (folder / "report.py").write_text(REPORT)
    env = {
        **workspace.env(),
        "COUNTERSIGN_DEFAULT_CHANNEL": workspace.channel("campaigns").id,
        "COUNTERSIGN_WEBHOOK_ALLOW": "127.0.0.0/8",
    }
    with bot_in(folder, workers=1, prefork_server=prefork_server, **env) as bot:
        workspace.wait_until_connected()
        yield bot


@pytest.fixture
def arrived(receiver: Receiver) -> Arrivals:
    return Arrivals(receiver)


class Arrivals:
    """The webhooks that arrive during a test, by their purpose."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._before = len(receiver.requests)

    def urls(self) -> dict[str, Any]:
        """What a kickoff names."""
        paths = {f"{name}WebhookUrl": self.url(name) for name in ("task", "step", "crew")}
        authentication = {"strategy": "bearer", "token": "of-the-receiver"}
        human = {"url": self.url("human"), "authentication": authentication}
        return {**paths, "humanInputWebhook": human}

    def url(self, name: str) -> str:
        return f"{self._receiver.url}/{name}"

    def of(self, purpose: str) -> list[Received]:
        new = self._receiver.requests[self._before :]
        return [each for each in new if each.path.endswith(f"/{purpose}")]

    def wait(self, purpose: str, number: int = 1) -> Received:
        """Wait for the webhook with this number, from 1."""
        self._receiver.wait_until(lambda _: len(self.of(purpose)) >= number)
        return self.of(purpose)[number - 1]


@pytest.fixture
def client(bot: BotProcess) -> Iterator[AmpClient]:
    client = AmpClient(f"{bot.address}/amp/report")
    yield client
    client.close()


def card(workspace: Workspace) -> MessageSnapshot:
    return workspace.wait_for(lambda: workspace.message_with("Continue"))


def within_a_second(what: str, condition: Callable[[], bool]) -> None:
    started = time.monotonic()
    wait_until(condition, within=20, what=what)
    assert time.monotonic() - started < 1, what


def test_a_client_of_amp_rejects_and_approves_and_slack_shows_it_at_once(
    client: AmpClient, workspace: Workspace, arrived: Arrivals
) -> None:
    assert client.inputs() == ["user_input"]
    kickoff_id = client.kickoff(
        {"user_input": "bikes"}, meta={"requestId": "r-1"}, **arrived.urls()
    )

    asked = arrived.wait("human")
    assert asked.headers["authorization"] == "Bearer of-the-receiver"
    assert asked.payload["execution_id"] == kickoff_id
    assert asked.payload["task_id"] == "research_task"
    assert asked.payload["output"] == "research of bikes"
    assert asked.payload["meta"] == {"requestId": "r-1"}
    status = client.status(kickoff_id)
    assert (status["status"], status["current_task"]) == ("pending_human_input", "research_task")
    assert status["progress"] == {"completed_tasks": 0, "total_tasks": 2}
    message = card(workspace)

    rejected = client.resume(kickoff_id, "research_task", "name the prices", approve=False)
    assert rejected.json()["status"] == "retrying"
    within_a_second(
        "the rejection is in Slack",
        lambda: not workspace.live_buttons(workspace.again(message)),
    )

    asked_again = arrived.wait("human", 2)
    assert asked_again.payload["output"] == "research of bikes name the prices"
    message = card(workspace)
    approved = client.resume(kickoff_id, "research_task", "", approve=True)
    assert approved.json()["status"] in ("resumed", "completed")
    within_a_second(
        "the approval is in Slack",
        lambda: not workspace.live_buttons(workspace.again(message)),
    )

    ended = arrived.wait("crew").payload
    assert (ended["kickoff_id"], ended["result"]) == (kickoff_id, "writing of bikes")
    assert ended["token_usage"]["total_tokens"] == 36
    assert ended["meta"] == {"requestId": "r-1"}
    tasks = [each.payload for each in arrived.of("task")]
    assert [each["task_id"] for each in tasks] == ["research_task", "research_task", "writing_task"]
    assert {each["agent"] for each in tasks} == {"Researcher"}
    done = client.status(kickoff_id)
    assert (done["status"], done["result"]["output"]) == ("completed", "writing of bikes")
    assert client.resume(kickoff_id, "research_task", "", approve=True).status_code == 409


def test_a_button_in_slack_answers_the_client_of_amp_at_once(
    client: AmpClient, workspace: Workspace, arrived: Arrivals
) -> None:
    kickoff_id = client.kickoff({"user_input": "trains"}, **arrived.urls())
    callback_url = arrived.wait("human").payload["callback_url"]
    card(workspace)

    assert workspace.click("Continue", by=BEN).ok
    within_a_second(
        "the client sees the click",
        lambda: client.status(kickoff_id)["status"] != "pending_human_input",
    )

    assert client.resume(kickoff_id, "research_task", "no", approve=False).status_code == 409
    late = httpx.post(callback_url, json={"feedback": "no"}, trust_env=False)
    assert (late.status_code, late.json()["error"]) == (409, "already_responded")
    assert arrived.wait("crew").payload["result"] == "writing of trains"


def test_urls_given_again_replace_the_earlier_ones(client: AmpClient, arrived: Arrivals) -> None:
    kickoff_id = client.kickoff({"user_input": "boats"}, **arrived.urls())
    arrived.wait("human")

    elsewhere = {"crewWebhookUrl": arrived.url("elsewhere")}
    client.resume(kickoff_id, "research_task", "", approve=True, **elsewhere)

    assert arrived.wait("elsewhere").payload["result"] == "writing of boats"
    assert arrived.of("crew") == []
    assert len(arrived.of("task")) == 2  # not named again, and kept


def test_an_operators_webhook_is_signed_and_its_callback_answers_without_a_token(
    bot: BotProcess, workspace: Workspace, arrived: Arrivals
) -> None:
    client = AmpClient(f"{bot.address}/amp/signed")
    kickoff_id = client.kickoff({"user_input": "cars"})

    asked = arrived.wait("signed")
    stamp = asked.headers["x-crewai-timestamp"]
    expected = hmac.new(SECRET.encode(), f"{stamp}.".encode() + asked.body, hashlib.sha256)
    assert asked.headers["x-crewai-signature"] == f"sha256={expected.hexdigest()}"
    assert (asked.payload["event_type"], asked.payload["status"]) == ("new_request", "pending")
    message = card(workspace)

    answer = httpx.post(
        asked.payload["callback_url"],
        json={"feedback": "ok", "source": "portal"},
        trust_env=False,
    )

    assert (answer.status_code, answer.json()["status"]) == (200, "accepted")
    within_a_second(
        "the answer is in Slack",
        lambda: "portal through a callback" in workspace.again(message).everything,
    )
    bot.until(lambda: client.status(kickoff_id)["status"] == "completed", what="completed")
    secret = asked.payload["response_token"]
    assert secret not in bot.log_text
    assert secret.encode() not in _database(bot)
    client.close()


def test_basic_authentication_is_sent_as_it_was_given(client: AmpClient, arrived: Arrivals) -> None:
    authentication = {"strategy": "basic", "username": "ana", "password": "pass:word"}
    human = {"url": arrived.url("human"), "authentication": authentication}
    kickoff_id = client.kickoff({"user_input": "planes"}, humanInputWebhook=human)

    sent = arrived.wait("human").headers["authorization"]

    assert base64.b64decode(sent.removeprefix("Basic ")) == b"ana:pass:word"
    client.resume(kickoff_id, "research_task", "", approve=True)


def _database(bot: BotProcess) -> bytes:
    files: list[Path] = [*bot.folder.glob("countersign.db*")]
    return b"".join(file.read_bytes() for file in files)
