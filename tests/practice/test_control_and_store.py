"""The control API, the workspace's memory, and its command line."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from slack_sdk import WebClient

from practice.__main__ import main
from practice.practice import Practice
from practice.server import NotLoopback, bound_socket
from practice.state.store import Store
from tests.practice.samples import question
from tests.support.workspace import ANA, BEN, BOT, Workspace

CAMPAIGNS = "C00CAMPAIGN"


def control(workspace: Workspace, act: str, **body: object) -> httpx.Response:
    return httpx.post(f"{workspace.url}/control/{act}", json=body, trust_env=False)


def test_people_and_places_are_added_and_bots_thrown_out(
    workspace: Workspace, client: WebClient
) -> None:
    dan = {"id": "U00DAN0001", "name": "dan", "real_name": "Dan", "is_restricted": True}
    assert control(workspace, "user", **dan).json()["user"]["id"] == "U00DAN0001"
    control(
        workspace,
        "channel",
        id="C00SECRET01",
        name="secret",
        is_private=True,
        members=["U00DAN0001"],
    )
    assert client.users_info(user="U00DAN0001")["user"]["is_restricted"] is True
    listed = client.conversations_list(types="private_channel")["channels"]
    assert listed == []
    control(workspace, "invite", channel="secret", user=BOT)
    listed = client.conversations_list(types="private_channel")["channels"]
    assert [c["name"] for c in listed] == ["secret"]
    control(workspace, "kick", channel="secret", user=BOT)
    assert client.conversations_list(types="private_channel")["channels"] == []


def test_faults_scopes_and_pace_are_set_from_outside(
    workspace: Workspace, client: WebClient
) -> None:
    planned = control(workspace, "fault", method="auth.test", kind="error", error="fatal_error")
    assert planned.json()["fault"]["times"] == 1
    answer = client.api_call
    with pytest.raises(Exception, match="fatal_error"):
        answer("auth.test")
    assert answer("auth.test")["ok"]
    control(workspace, "scopes", scopes=["chat:write"])
    with pytest.raises(Exception, match="missing_scope"):
        client.usergroups_list()


def test_the_journal_and_the_deliveries_can_be_read(
    workspace: Workspace, client: WebClient
) -> None:
    ts = client.chat_postMessage(channel=CAMPAIGNS, text="Go on?", blocks=question())["ts"]
    client.chat_update(channel=CAMPAIGNS, ts=ts, text="Decided", blocks=[])
    control(workspace, "message/delete", channel="campaigns", ts=ts)

    versions = httpx.get(f"{workspace.url}/control/journal", trust_env=False).json()["versions"]
    assert [(v["act"], v["text"]) for v in versions] == [
        ("post", "Go on?"),
        ("update", "Decided"),
        ("delete", "Decided"),
    ]
    sent = httpx.get(f"{workspace.url}/control/deliveries", trust_env=False).json()["deliveries"]
    assert [d["name"] for d in sent] == [
        "message",
        "message/message_changed",
        "message/message_deleted",
    ]


def test_what_control_does_not_know_is_said(workspace: Workspace) -> None:
    assert control(workspace, "dance").status_code == 404
    assert "unknown fields: colour" in control(workspace, "user", id="U1", colour="x").text.replace(
        "\\", ""
    )
    assert control(workspace, "archive", channel="nowhere").status_code == 400


def test_a_workspace_is_as_it_was_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "practice.db"
    with Workspace() as before:
        store = Store(path)
        before.call(lambda: store.attach(before.practice.workspace))
        client = WebClient(token="xoxb-practice", base_url=before.env()["SLACK_API_URL"])
        root = client.chat_postMessage(channel=CAMPAIGNS, text="Yesterday")["ts"]
        client.chat_postMessage(
            channel=CAMPAIGNS,
            text="Go on?",
            thread_ts=root,
            blocks=question(),
            metadata={"event_type": "checkpoint", "event_payload": {"key": "k"}},
        )
        client.files_upload_v2(
            channel=CAMPAIGNS, thread_ts=root, filename="plan.md", content="All of it"
        )
        client.chat_postEphemeral(channel=CAMPAIGNS, user=BEN, text="for Ben")
        gone = client.chat_postMessage(channel=CAMPAIGNS, text="gone")["ts"]
        client.chat_delete(channel=CAMPAIGNS, ts=gone)
        before.invite("random")
        shown = before.transcript().partition("latest traffic")[0]
    store.close()

    practice = Practice()
    again = Store(path)
    again.attach(practice.workspace)
    with Workspace(practice=practice) as after:
        assert after.transcript().partition("latest traffic")[0] == shown
        client = WebClient(token="xoxb-practice", base_url=after.env()["SLACK_API_URL"])
        thread = client.conversations_replies(
            channel=CAMPAIGNS, ts=root, include_all_metadata=True
        )["messages"]
        assert thread[1]["metadata"]["event_payload"] == {"key": "k"}
        assert after.file_text(after.thread(after.threads()[0])[2]) == "All of it"
        later = client.chat_postMessage(channel=CAMPAIGNS, text="Today", thread_ts=root)["ts"]
        assert later > gone
        assert client.chat_postMessage(channel="#random", text="still in")["ok"]
    again.close()


def test_a_killed_server_has_lost_nothing_that_it_answered_for(tmp_path: Path) -> None:
    path = tmp_path / "practice.db"
    command = [sys.executable, "-m", "practice", "--state", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
        assert found is not None
        client = WebClient(token="xoxb-practice", base_url=f"{found.group()}/api/")
        _until_it_answers(found.group())
        sent = [
            client.chat_postMessage(channel=CAMPAIGNS, text=f"message {n}")["ts"] for n in range(20)
        ]
        os.kill(server.pid, signal.SIGKILL)

    practice = Practice()
    store = Store(path)
    store.attach(practice.workspace)
    assert list(practice.workspace.messages[CAMPAIGNS]) == sent
    store.close()


def _until_it_answers(url: str) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/page/state?user={ANA}", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.02)
    raise AssertionError("the workspace did not come up")


def test_an_app_installed_from_its_manifest_holds_what_that_grants(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.yml"
    manifest.write_text(
        """
        features:
          bot_user: {display_name: Signer}
          app_home: {home_tab_enabled: false}
          slash_commands:
            - {command: /sign, description: Sign, should_escape: true}
        oauth_config: {scopes: {bot: [commands, chat:write]}}
        settings: {event_subscriptions: {bot_events: [message.im]}}
        """
    )
    with Workspace(manifest=manifest) as workspace:
        client = WebClient(token="xoxb-practice", base_url=workspace.env()["SLACK_API_URL"])
        assert client.auth_test()["user"] == "signer"
        with pytest.raises(Exception, match="missing_scope"):
            client.users_info(user=ANA)
        assert workspace.command("/crew plan").notice == "/crew is not a valid command."
        workspace.say("not subscribed", in_="campaigns")
        workspace.say("subscribed", in_=workspace.dm(ANA))
        workspace.command(f"/sign for <@{BEN}>")
        sent = [d.payload for d in workspace.deliveries()]
    assert [p["event"]["text"] for p in sent if "event" in p] == ["subscribed"]
    assert [p["text"] for p in sent if "command" in p] == [f"for <@{BEN}|ben>"]


def test_ctrl_c_ends_the_server_without_complaint(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "practice", "--state", str(tmp_path / "practice.db")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
        assert found is not None
        _until_it_answers(found.group())
        server.send_signal(signal.SIGINT)
        _, complaints = server.communicate(timeout=10)
    assert (server.returncode, complaints) == (0, "")


def test_it_is_served_on_loopback_only(capsys: pytest.CaptureFixture[str]) -> None:
    for host in ("0.0.0.0", "192.168.0.1", "example.com", "::"):
        with pytest.raises(NotLoopback):
            bound_socket(host, 0)
    assert main(["--host", "0.0.0.0"]) == 2
    assert "not a loopback address" in capsys.readouterr().err
