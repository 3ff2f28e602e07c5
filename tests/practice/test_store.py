"""A workspace that is kept in a file."""

from __future__ import annotations

from pathlib import Path

from slack_sdk import WebClient

from practice.practice import Practice
from practice.state.store import Store
from tests.practice.samples import question
from tests.support.workspace import BEN, Workspace

CAMPAIGNS = "C00CAMPAIGN"


def test_a_workspace_is_the_same_after_a_restart(tmp_path: Path) -> None:
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
