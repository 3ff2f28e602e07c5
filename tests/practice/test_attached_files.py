"""Files that people attach to their messages, and who may read them."""

from __future__ import annotations

import httpx
from slack_bolt import App
from slack_sdk import WebClient

from practice.state.records import Json
from tests.support.workspace import BEN, Workspace

NOTES = {"notes.md": b"# Notes\n\nshorter, please"}


def test_a_file_arrives_with_the_message(workspace: Workspace, connected: App) -> None:
    events: list[Json] = []

    @connected.event("message")
    def on_message(event: Json) -> None:
        events.append(event)

    root = workspace.say("please start")
    workspace.attach("see the file", NOTES, by=BEN, thread=root)

    event = workspace.wait_for(lambda: next((e for e in events if e.get("files")), None))
    assert (event["subtype"], event["text"], event["user"]) == ("file_share", "see the file", BEN)
    assert event["files"][0]["name"] == "notes.md"
    assert event["thread_ts"] == root.ts


def test_a_file_needs_no_text(workspace: Workspace) -> None:
    root = workspace.say("please start")

    assert workspace.attach("", NOTES, thread=root).text == ""


def test_a_private_file_is_read_with_the_apps_token_only(
    workspace: Workspace, client: WebClient
) -> None:
    root = workspace.say("please start")
    message = workspace.attach("", NOTES, thread=root)
    address = client.files_info(file=message.files[0])["file"]["url_private"]
    bearer = {"Authorization": f"Bearer {client.token}"}

    assert httpx.get(address, headers=bearer, trust_env=False).content == NOTES["notes.md"]
    signed_out = httpx.get(address, follow_redirects=True, trust_env=False)
    assert signed_out.headers["content-type"].startswith("text/html")
    assert "Sign in" in signed_out.text


def test_without_the_scope_the_token_gets_the_sign_in_page_too(
    workspace: Workspace, client: WebClient
) -> None:
    root = workspace.say("please start")
    message = workspace.attach("", NOTES, thread=root)
    address = client.files_info(file=message.files[0])["file"]["url_private"]
    workspace.without_scopes("files:read")

    bearer = {"Authorization": f"Bearer {client.token}"}
    assert httpx.get(address, headers=bearer, trust_env=False).status_code == 302
