"""The control API: it arranges the workspace and shows what happened."""

from __future__ import annotations

import httpx
import pytest
from slack_sdk import WebClient

from tests.practice.samples import question
from tests.support.workspace import ANA, BEN, BOT, Workspace

CAMPAIGNS = "C00CAMPAIGN"


def control(workspace: Workspace, act: str, **body: object) -> httpx.Response:
    return httpx.post(f"{workspace.url}/control/{act}", json=body, trust_env=False)


def test_people_and_channels_are_added_and_the_app_is_removed(
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


def test_faults_and_scopes_are_set(workspace: Workspace, client: WebClient) -> None:
    planned = control(workspace, "fault", method="auth.test", kind="error", error="fatal_error")
    assert planned.json()["fault"]["times"] == 1
    answer = client.api_call
    with pytest.raises(Exception, match="fatal_error"):
        answer("auth.test")
    assert answer("auth.test")["ok"]
    control(workspace, "scopes", scopes=["chat:write"])
    with pytest.raises(Exception, match="missing_scope"):
        client.usergroups_list()


def test_the_journal_and_the_deliveries_are_listed(workspace: Workspace, client: WebClient) -> None:
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


def test_unknown_actions_fields_and_channels_are_errors(workspace: Workspace) -> None:
    assert control(workspace, "dance").status_code == 404
    assert "unknown fields: colour" in control(workspace, "user", id="U1", colour="x").text.replace(
        "\\", ""
    )
    assert control(workspace, "archive", channel="nowhere").status_code == 400


def test_tiers_shortcuts_and_attached_files_are_arranged(
    workspace: Workspace, client: WebClient
) -> None:
    control(workspace, "tiers", enabled=True, per_minute={"users.info": 1})
    client.users_info(user=BOT)
    with pytest.raises(Exception, match="ratelimited"):
        client.users_info(user=BOT)
    shortcut = {"name": "Go", "type": "global", "callback_id": "go", "description": ""}
    control(workspace, "shortcuts", shortcuts=[shortcut])
    used = control(workspace, "shortcut", user=ANA, name="Go").json()
    assert "Go failed" in used["result"]["notice"]
    said = control(
        workspace, "say", user=ANA, channel="campaigns", text="see", files={"a.txt": "words"}
    ).json()
    [message] = client.conversations_history(channel=CAMPAIGNS, limit=1)["messages"]
    assert (message["ts"], message["files"][0]["name"]) == (said["ts"], "a.txt")


def test_the_kind_of_the_workspace_is_arranged(workspace: Workspace, client: WebClient) -> None:
    assert control(workspace, "rules", count_bytes=True).json()["rules"]["count_bytes"] is True
    assert control(workspace, "rules", colour="red").status_code == 400
    control(workspace, "plan", paid=False)
    with pytest.raises(Exception, match="plan_upgrade_required"):
        client.usergroups_list()
    control(workspace, "enterprise", id="E1", name="Grid", installs_app=True)
    assert client.auth_test()["enterprise_id"] == "E1"
    control(workspace, "enterprise")
    assert "enterprise_id" not in client.auth_test()
    channel = control(workspace, "group_dm", users=[ANA, BEN]).json()["channel"]
    assert workspace.channel(channel).is_mpim
    control(workspace, "refresh", after=3600)
    assert workspace.practice.sockets.refresh_after == 3600
