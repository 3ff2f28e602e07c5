"""The page's endpoints, and who may not use them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from slack_bolt import Ack, App
from slack_sdk import WebClient
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.practice.samples import Body, modal, question
from tests.support.workspace import ANA, BEN, GUS, OLGA, Workspace

CAMPAIGNS, RANDOM, GENERAL = "C00CAMPAIGN", "C00RANDOM01", "C00GENERAL1"


@pytest.fixture
def page(workspace: Workspace) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=workspace.url, trust_env=False) as client:
        yield client


def next_event(feed: ClientConnection, *kinds: str, within: float = 5.0) -> Body:
    """The next event of one of these types on a page's feed."""
    deadline = time.monotonic() + within
    while True:
        item: Body = json.loads(feed.recv(timeout=max(0.0, deadline - time.monotonic())))
        if item["type"] in kinds:
            return item


def watch(workspace: Workspace, user: str, **options: Any) -> ClientConnection:
    address = workspace.url.replace("http", "ws", 1)
    feed: ClientConnection = connect(f"{address}/page/events?user={user}", **options)
    return feed


def test_the_state_has_people_channels_commands_and_the_bot(page: httpx.Client) -> None:
    state = page.get("/page/state", params={"user": ANA}).json()

    assert state["me"] == ANA
    assert {u["name"]: (u["is_restricted"], u["is_stranger"]) for u in state["users"]} == {
        "countersign": (False, False),
        "slackbot": (False, False),
        "ana": (False, False),
        "ben": (False, False),
        "gus": (True, False),
        "olga": (False, True),
    }
    names = {c["name"]: c["is_im"] for c in state["channels"]}
    assert names == {"general": False, "campaigns": False, "random": False, "Countersign": True}
    assert state["commands"][0]["command"] == "/crew"
    assert state["bot"]["connected"] is False
    assert page.get("/page/state", params={"user": "U0NOBODY"}).status_code == 404


def test_unread_counts_grow_with_others_messages_and_reset_when_read(
    workspace: Workspace, page: httpx.Client, client: WebClient
) -> None:
    def unread(user: str) -> int:
        state = page.get("/page/state", params={"user": user}).json()
        return next(int(c["unread"]) for c in state["channels"] if c["id"] == CAMPAIGNS)

    workspace.say("hello", by=ANA)
    root = client.chat_postMessage(channel=CAMPAIGNS, text="one")["ts"]
    client.chat_postMessage(channel=CAMPAIGNS, text="reply", thread_ts=root)
    assert (unread(ANA), unread(BEN)) == (1, 2)
    shown = page.get("/page/history", params={"user": BEN, "channel": CAMPAIGNS}).json()
    assert [m["text"] for m in shown["messages"]] == ["hello", "one"]
    assert (unread(ANA), unread(BEN)) == (1, 0)


def test_a_message_goes_to_the_pages_of_all_who_may_see_it(
    workspace: Workspace, page: httpx.Client
) -> None:
    with watch(workspace, BEN) as bens, watch(workspace, GUS) as gus:
        body = {"user": ANA, "channel": CAMPAIGNS, "text": "<b>hi</b>"}
        answer = page.post("/page/message", json=body).json()
        assert answer["ok"]
        assert answer["message"]["text"] == "&lt;b&gt;hi&lt;/b&gt;"
        for feed in (bens, gus):
            assert next_event(feed, "message")["message"]["ts"] == answer["message"]["ts"]

        reply = body | {"text": "more", "thread_ts": answer["message"]["ts"]}
        page.post("/page/message", json=reply)
        assert next_event(bens, "message_changed")["message"]["reply_count"] == 1
    thread = page.get(
        "/page/thread",
        params={"user": BEN, "channel": CAMPAIGNS, "ts": answer["message"]["ts"]},
    ).json()
    assert [m["text"] for m in thread["messages"]] == ["&lt;b&gt;hi&lt;/b&gt;", "more"]


def test_direct_and_ephemeral_messages_stay_with_their_person(
    workspace: Workspace, page: httpx.Client, client: WebClient
) -> None:
    with watch(workspace, ANA) as anas, watch(workspace, BEN) as bens:
        client.chat_postMessage(channel=BEN, text="for Ben")
        client.chat_postEphemeral(channel=CAMPAIGNS, user=BEN, text="Ben alone")
        client.chat_postMessage(channel=CAMPAIGNS, text="for all")
        assert next_event(bens, "message")["message"]["text"] == "for Ben"
        assert next_event(bens, "ephemeral")["message"]["ephemeral"] is True
        assert next_event(anas, "message", "ephemeral")["message"]["text"] == "for all"
    bens_dm = workspace.dm(BEN)
    refused = page.get("/page/history", params={"user": ANA, "channel": bens_dm})
    assert refused.status_code == 404
    shown = page.get("/page/history", params={"user": BEN, "channel": CAMPAIGNS}).json()
    note = shown["messages"][0]
    assert note["text"] == "Ben alone"
    gone = {"user": ANA, "message_ts": note["ts"]}
    assert page.post("/page/dismiss", json=gone).json()["ok"] is False
    assert page.post("/page/dismiss", json=gone | {"user": BEN}).json()["ok"] is True


def test_a_command_a_click_and_a_modal_work_through_the_page(
    workspace: Workspace, page: httpx.Client, connected: App, client: WebClient
) -> None:
    @connected.command("/crew")
    def start(ack: Ack, body: Body) -> None:
        ack()
        assert body["text"] == "plan for @ben &amp; co"
        client.chat_postMessage(channel=body["channel_id"], text="Go on?", blocks=question())

    @connected.action("revise")
    def revise(ack: Ack, body: Body, client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=modal())
        ack()

    @connected.view("revise")
    def sent(ack: Ack, view: Body) -> None:
        ack()
        client.chat_postMessage(
            channel=CAMPAIGNS, text=view["state"]["values"]["words"]["text"]["value"]
        )

    with watch(workspace, ANA) as feed:
        command = {"user": ANA, "channel": CAMPAIGNS, "text": f"/crew plan for <@{BEN}> & co"}
        assert page.post("/page/command", json=command).json() == {"ok": True}
        message = next_event(feed, "message")["message"]
        click = {
            "user": ANA,
            "channel": CAMPAIGNS,
            "message_ts": message["ts"],
            "container": "message",
            "block_id": "decide",
            "action_id": "revise",
            "type": "button",
            "value": "cp1",
        }
        assert page.post("/page/interact", json=click).json() == {"ok": True}
        view = next_event(feed, "view_opened")["view"]
        values = {"words": {"text": {"type": "plain_text_input", "value": "shorter"}}}
        submit = {"user": ANA, "view_id": view["id"], "values": values}
        stolen = page.post("/page/view/submit", json=submit | {"user": BEN}).json()
        assert stolen["ok"] is False
        assert page.post("/page/view/submit", json=submit).json()["ok"] is True
        assert next_event(feed, "view_closed")["view_id"] == view["id"]
        workspace.wait_for(lambda: workspace.messages()[-1].text == "shorter")


def test_a_notice_of_a_failed_command_reaches_the_page(
    workspace: Workspace, page: httpx.Client
) -> None:
    with watch(workspace, ANA) as feed:
        command = {"user": ANA, "channel": CAMPAIGNS, "text": "/crew plan"}
        answer = page.post("/page/command", json=command).json()
        assert "did not respond" in answer["notice"]
        assert next_event(feed, "notice") == {
            "type": "notice",
            "text": answer["notice"],
            "channel": CAMPAIGNS,
        }
    unknown = page.post("/page/command", json=command | {"text": "/dance"}).json()
    assert unknown["notice"] == "/dance is not a valid command."


def test_people_join_channels_and_bring_the_bot_along(
    workspace: Workspace, page: httpx.Client
) -> None:
    say = {"user": GUS, "channel": RANDOM, "text": "hello"}
    assert "not in this channel" in page.post("/page/message", json=say).json()["notice"]
    assert page.post("/page/join", json={"user": GUS, "channel": RANDOM}).json()["ok"]
    assert page.post("/page/message", json=say).json()["ok"]
    invite = {"user": GUS, "channel": RANDOM, "text": "/invite <@U00SIGN001>"}
    assert page.post("/page/command", json=invite).json()["ok"]
    assert "U00SIGN001" in workspace.channel("random").members
    kick = invite | {"text": "/kick @Countersign"}
    assert page.post("/page/command", json=kick).json()["ok"]
    assert "U00SIGN001" not in workspace.channel("random").members


def test_files_are_served_as_plain_text_that_no_browser_runs(
    page: httpx.Client, client: WebClient
) -> None:
    uploaded = client.files_upload_v2(
        channel=CAMPAIGNS, filename="größe.html", content="<script>alert(1)</script>"
    )["file"]
    answer = page.get(uploaded["permalink"])
    assert answer.text == "<script>alert(1)</script>"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("inline;")
    kept = page.get(uploaded["permalink"], params={"download": "1"})
    assert kept.headers["content-disposition"].startswith("attachment;")


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("plot.png", "image/png"),
        ("photo.JPG", "image/jpeg"),
        ("drawing.svg", "text/plain; charset=utf-8"),  # may hold scripts
    ],
)
def test_pictures_are_served_as_such_unless_a_browser_would_run_them(
    page: httpx.Client, client: WebClient, name: str, content_type: str
) -> None:
    content = b"\x89PNG\r\n\x1a\n\xff"
    uploaded = client.files_upload_v2(channel=CAMPAIGNS, filename=name, content=content)["file"]

    answer = page.get(uploaded["permalink"])

    assert answer.headers["content-type"] == content_type
    assert answer.content == content


def test_the_traffic_is_listed_without_tokens(
    workspace: Workspace, page: httpx.Client, client: WebClient
) -> None:
    client.api_call("auth.test", params={"token": "xoxb-practice"})
    client.chat_postMessage(channel=CAMPAIGNS, text="hi")
    listed = page.get("/page/traffic", params={"after": 0}).json()
    names = [(e["direction"], e["name"]) for e in listed["entries"]]
    assert ("from_bot", "chat.postMessage") in names
    assert ("to_bot", "message") in names
    details = [page.get(f"/page/traffic/{e['seq']}").text for e in listed["entries"]]
    assert not any("xoxb-practice" in detail for detail in details)
    later = page.get("/page/traffic", params={"after": listed["next"]}).json()
    assert all(entry["seq"] > listed["next"] for entry in later["entries"])


def test_the_page_has_a_strict_content_security_policy(page: httpx.Client) -> None:
    answer = page.get("/")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


HELLO = {"user": ANA, "channel": CAMPAIGNS, "text": "hi"}
FOREIGN: dict[str, dict[str, str]] = {
    "another host name": {"Host": "evil.example"},
    "another host name with our port": {"Host": "evil.example:8000"},
    "another origin": {"Origin": "https://evil.example"},
    "an origin of no site": {"Origin": "null"},
    "another port of this machine": {"Origin": "http://127.0.0.1:1"},
    "a form's content type": {"Content-Type": "text/plain"},
    "a request that the browser calls cross-site": {"Sec-Fetch-Site": "cross-site"},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("path", ["/page/message", "/control/archive"])
def test_requests_from_other_sites_are_rejected_and_change_nothing(
    workspace: Workspace, page: httpx.Client, path: str, headers: dict[str, str]
) -> None:
    sent = {"Content-Type": "application/json"} | headers
    body = HELLO | {"channel": "campaigns"} if path == "/control/archive" else HELLO
    assert page.post(path, content=json.dumps(body), headers=sent).status_code == 403
    assert workspace.messages() == []
    assert not workspace.channel("campaigns").is_archived


def test_requests_from_the_pages_own_origin_are_accepted(
    workspace: Workspace, page: httpx.Client
) -> None:
    own = {"Origin": workspace.url, "Sec-Fetch-Site": "same-origin"}
    assert page.post("/page/message", json=HELLO, headers=own).json()["ok"]
    assert page.get("/page/state", params={"user": ANA}, headers={"Host": "evil.example"}).is_error


def test_a_foreign_page_gets_no_live_feed(workspace: Workspace) -> None:
    with pytest.raises(InvalidStatus) as refused:
        watch(workspace, ANA, origin="https://evil.example")
    assert refused.value.response.status_code == 403
    with watch(workspace, ANA, origin=workspace.url):
        pass


def test_members_of_other_workspaces_and_guests_are_in_the_channel_too(
    workspace: Workspace, page: httpx.Client
) -> None:
    shown = page.get("/page/state", params={"user": OLGA}).json()
    campaigns = next(c for c in shown["channels"] if c["id"] == CAMPAIGNS)
    assert OLGA in campaigns["members"]
    assert OLGA not in next(c for c in shown["channels"] if c["id"] == GENERAL)["members"]
