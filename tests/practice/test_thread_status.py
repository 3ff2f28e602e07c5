"""assistant.threads.setStatus: what the app says it is doing."""

from __future__ import annotations

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from tests.support.message_snapshot import MessageSnapshot
from tests.support.workspace import Workspace


def set_status(client: WebClient, root: MessageSnapshot, status: str) -> None:
    client.assistant_threads_setStatus(channel_id=root.channel, thread_ts=root.ts, status=status)


def test_a_status_stands_until_the_app_posts_in_the_thread(
    workspace: Workspace, client: WebClient
) -> None:
    root = workspace.say("please start")
    set_status(client, root, "is drafting the plan…")
    assert workspace.thread_status(root) == "is drafting the plan…"
    workspace.reply("and?", thread=root)
    assert workspace.thread_status(root) == "is drafting the plan…"
    client.chat_postMessage(channel=root.channel, thread_ts=root.ts, text="Here it is.")
    assert workspace.thread_status(root) == ""


def test_an_empty_status_removes_it(workspace: Workspace, client: WebClient) -> None:
    root = workspace.say("please start")
    set_status(client, root, "is drafting…")
    set_status(client, root, "")

    assert workspace.thread_status(root) == ""


def test_a_status_ends_after_two_minutes() -> None:
    now = 1_800_000_000.0
    with Workspace(clock=lambda: now) as workspace:
        environment = workspace.env()
        client = WebClient(
            token=environment["SLACK_BOT_TOKEN"], base_url=environment["SLACK_API_URL"]
        )
        root = workspace.say("please start")
        set_status(client, root, "is drafting…")
        now += 119
        assert workspace.thread_status(root) == "is drafting…"
        now += 2
        assert workspace.thread_status(root) == ""


@pytest.mark.parametrize(
    ("channel", "ts", "error"),
    [("C0NOWHERE", "1.0", "channel_not_found"), ("C00CAMPAIGN", "1.0", "invalid_thread_ts")],
)
def test_an_unknown_thread_is_refused(client: WebClient, channel: str, ts: str, error: str) -> None:
    with pytest.raises(SlackApiError) as refused:
        client.assistant_threads_setStatus(channel_id=channel, thread_ts=ts, status="is busy")
    assert refused.value.response["error"] == error
