"""Message shortcuts and global ones, from the menu to the app."""

from __future__ import annotations

from slack_bolt import Ack, App
from slack_sdk import WebClient

from practice.state.records import Json
from tests.practice.samples import modal
from tests.support.message_snapshot import MessageSnapshot
from tests.support.workspace import ANA, BEN, GUS, Workspace

USE_THIS: Json = {
    "name": "Use this",
    "type": "message",
    "callback_id": "use_this",
    "description": "Use this message",
}
START: Json = {
    "name": "Start something",
    "type": "global",
    "callback_id": "start",
    "description": "Start something",
}


def posted(workspace: Workspace, text: str) -> MessageSnapshot:
    return workspace.say(text, by=BEN)


def test_a_message_shortcut_brings_the_message_and_opens_a_modal(
    workspace: Workspace, connected: App
) -> None:
    payloads: list[Json] = []

    @connected.message_shortcut("use_this")
    def use(ack: Ack, body: Json, client: WebClient) -> None:
        payloads.append(body)
        ack()
        client.views_open(trigger_id=body["trigger_id"], view=modal())

    workspace.install_shortcuts(USE_THIS, START)
    message = posted(workspace, "the budget is 900")

    assert workspace.message_shortcut("Use this", by=ANA, message=message).ok
    [payload] = payloads
    assert payload["type"] == "message_action"
    assert payload["message"]["text"] == "the budget is 900"
    assert (payload["message_ts"], payload["user"]["id"]) == (message.ts, ANA)
    assert payload["channel"] == {"id": "C00CAMPAIGN", "name": "campaigns"}
    assert workspace.open_view(ANA)


def test_a_response_url_of_a_message_shortcut_answers_in_its_channel(
    workspace: Workspace, connected: App
) -> None:
    @connected.message_shortcut("use_this")
    def use(ack: Ack, respond: object) -> None:
        ack()
        assert callable(respond)
        respond(text="Taken.")

    workspace.install_shortcuts(USE_THIS)
    workspace.message_shortcut("use_this", by=ANA, message=posted(workspace, "this"))

    workspace.wait_for(lambda: "Taken." in workspace.ephemeral(ANA))


def test_a_global_shortcut_names_no_channel(workspace: Workspace, connected: App) -> None:
    payloads: list[Json] = []

    @connected.global_shortcut("start")
    def start(ack: Ack, body: Json) -> None:
        payloads.append(body)
        ack()

    workspace.install_shortcuts(START)

    assert workspace.global_shortcut("Start something", by=GUS).ok
    assert "channel" not in payloads[0]
    assert payloads[0]["user"]["id"] == GUS


def test_a_shortcut_that_is_not_acknowledged_shows_a_notice(
    workspace: Workspace, client: WebClient
) -> None:
    workspace.install_shortcuts(START)

    assert "did not respond" in workspace.global_shortcut("start").notice
    assert "did not respond" in workspace.notices(ANA)[0]


def test_only_shortcuts_of_the_manifest_exist(workspace: Workspace) -> None:
    assert workspace.global_shortcut("start").error == "not_found"
    message = posted(workspace, "hello")
    assert workspace.message_shortcut("start", message=message).error == "not_found"
