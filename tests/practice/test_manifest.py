"""Installing an app from its Slack manifest."""

from __future__ import annotations

from pathlib import Path

import pytest
from slack_sdk import WebClient

from tests.support.workspace import ANA, BEN, Workspace


def test_an_app_has_the_grants_of_its_manifest(tmp_path: Path) -> None:
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


def test_the_page_welcomes_people_with_the_apps_own_words_and_command(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(
        """{
        "display_information": {"name": "Coffee", "description": "Takes orders."},
        "features": {
            "bot_user": {"display_name": "Coffee"},
            "slash_commands": [{"command": "/coffee", "usage_hint": "flat white | help"}]
        }
        }"""
    )
    with Workspace(manifest=manifest) as workspace:
        shown = workspace.call(workspace.practice.app_json)
    assert (shown["name"], shown["description"]) == ("Coffee", "Takes orders.")
    assert shown["example"] == "/coffee flat white"
