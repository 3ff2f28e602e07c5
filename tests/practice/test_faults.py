"""Planned failures: failed calls, lost replies, redeliveries and broken sockets."""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Callable
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest
from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler

from practice.faults.connections import go_silent
from tests.practice.samples import Body, question
from tests.support import bolt
from tests.support.processes import wait_until
from tests.support.workspace import ANA, BEN, Workspace

CAMPAIGNS = "C00CAMPAIGN"
BROKEN = (HTTPException, OSError)


def post(client: WebClient) -> Callable[[], object]:
    return lambda: client.chat_postMessage(channel=CAMPAIGNS, text="hi")


def test_a_rate_limited_call_succeeds_after_retry_after(
    workspace: Workspace, client: WebClient
) -> None:
    client.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=1))
    workspace.faults.rate_limited("chat.postMessage", retry_after=1)
    begun = time.monotonic()
    post(client)()

    assert time.monotonic() - begun >= 1.0
    assert [c.status for c in workspace.calls("chat.postMessage")] == [429, 200]
    assert len(workspace.messages()) == 1


def test_a_lost_reply_leaves_the_message_and_a_lost_request_does_not(
    workspace: Workspace, client: WebClient
) -> None:
    workspace.faults.lost_reply("chat.postMessage")
    with pytest.raises(BROKEN):
        post(client)()
    assert len(workspace.messages()) == 1

    workspace.faults.lost_request("chat.postMessage")
    with pytest.raises(BROKEN):
        post(client)()
    assert len(workspace.messages()) == 1
    assert [c.note for c in workspace.calls("chat.postMessage")] == ["lost_reply", "lost_request"]


def test_a_client_killed_in_the_middle_of_a_call_leaves_no_error_in_the_log(
    workspace: Workspace, client: WebClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "practice")
    address = urlsplit(client.base_url)
    with socket.create_connection(("127.0.0.1", address.port or 0)) as bot:
        begun = "POST /api/chat.postMessage HTTP/1.1", "Host: localhost", "Content-Length: 99"
        bot.sendall("\r\n".join((*begun, "", "text=")).encode())

    wait_until(
        lambda: "client.disconnected" in caplog.text or "Exception" in caplog.text,
        within=10,
        what="it is noticed",
    )
    assert "Exception" not in caplog.text
    post(client)()
    assert len(workspace.messages()) == 1


def test_a_truncated_response_is_invalid_json_although_the_message_exists(
    workspace: Workspace, client: WebClient
) -> None:
    workspace.faults.truncated("chat.postMessage")
    with pytest.raises((SlackApiError, json.JSONDecodeError)):
        post(client)()
    assert len(workspace.messages()) == 1


def test_errors_occur_as_often_as_planned_after_the_skipped_calls(
    workspace: Workspace, client: WebClient
) -> None:
    workspace.faults.error("chat.postMessage", "is_archived", times=2, skip=1)
    outcomes = []
    for _ in range(4):
        try:
            post(client)()
            outcomes.append("posted")
        except SlackApiError as refused:
            outcomes.append(refused.response["error"])
    assert outcomes == ["posted", "is_archived", "is_archived", "posted"]

    workspace.faults.server_error("*", times=None)
    with pytest.raises(SlackApiError) as failed:
        client.auth_test()
    assert failed.value.response.status_code == 500
    workspace.faults.clear()
    assert client.auth_test()["ok"]


def test_a_call_can_get_any_status_or_an_html_page(workspace: Workspace, client: WebClient) -> None:
    faults = workspace.practice.faults
    workspace.call(lambda: faults.plan("chat.postMessage", "http_500", status=502))
    workspace.call(lambda: faults.plan("chat.postMessage", "no_json"))
    with pytest.raises(SlackApiError) as failed:
        post(client)()
    with pytest.raises(SlackApiError):
        post(client)()

    assert failed.value.response.status_code == 502
    assert [call.status for call in workspace.calls("chat.postMessage")] == [502, 200]
    assert workspace.messages() == []


def test_an_upload_can_fail_too(workspace: Workspace, client: WebClient) -> None:
    workspace.faults.server_error("upload")
    with pytest.raises(HTTPError):  # slack_sdk does not wrap this error of urllib
        client.files_upload_v2(channel=CAMPAIGNS, filename="a.md", content="x")
    client.files_upload_v2(channel=CAMPAIGNS, filename="a.md", content="x")
    assert len(workspace.messages()) == 1


def test_a_hanging_call_does_not_delay_others(workspace: Workspace, client: WebClient) -> None:
    workspace.faults.hang("chat.postMessage", 1.5)
    impatient = WebClient(
        token="xoxb-practice", base_url=client.base_url, timeout=1, retry_handlers=[]
    )
    with pytest.raises(TimeoutError):
        post(impatient)()
    begun = time.monotonic()
    post(client)()
    assert time.monotonic() - begun < 0.5


def test_a_redelivered_click_reaches_the_app_again_as_it_was(
    workspace: Workspace, connected: App, client: WebClient
) -> None:
    clicks: list[Body] = []

    @connected.action("continue")
    def decided(ack: Ack, body: Body) -> None:
        ack()
        clicks.append(body)

    client.chat_postMessage(channel=CAMPAIGNS, text="Go on?", blocks=question())
    workspace.click("Continue", by=BEN)
    assert workspace.redeliver(workspace.deliveries("interactive")[0]).ok

    workspace.wait_for(lambda: len(clicks) == 2)
    assert clicks[0] == clicks[1]


def test_an_event_can_be_delivered_twice_with_the_same_event_id(
    workspace: Workspace, connected: App
) -> None:
    heard: list[Body] = []

    @connected.event("message")
    def listen(body: Body) -> None:
        heard.append(body)

    workspace.duplicate("events_api")
    workspace.say("hello")

    workspace.wait_for(lambda: len(heard) == 2)
    assert heard[0]["event_id"] == heard[1]["event_id"]
    assert heard[0]["event"]["ts"] == heard[1]["event"]["ts"]


def test_an_event_that_no_socket_acknowledged_is_retried(
    workspace: Workspace, connected: App
) -> None:
    heard: list[Body] = []

    @connected.event("message")
    def listen(body: Body) -> None:
        heard.append(body)

    workspace.call(lambda: setattr(workspace.practice.deliveries, "ack_seconds", 1.0))
    workspace.retry_events_after(0.0, 0.0, 0.0)
    workspace.call(lambda: setattr(workspace.practice.sockets, "swallow_acks", 2))
    workspace.say("hello")

    workspace.wait_for(lambda: workspace.deliveries("events_api")[0].taken)
    attempts = workspace.deliveries("events_api")[0].attempts
    assert [attempt.problem for attempt in attempts] == ["timeout", "timeout", None]
    workspace.wait_for(lambda: len(heard) == 3, what="the third to be heard")


def test_sockets_asked_to_disconnect_are_replaced_and_nothing_is_lost(
    workspace: Workspace, connected: App
) -> None:
    @connected.command("/crew")
    def start(ack: Ack) -> None:
        ack("yes")

    assert workspace.disconnect() == 1
    workspace.wait_until_connected()
    assert workspace.practice.sockets.opened == 2
    assert workspace.command("plan a fair").ok


def test_a_command_fails_if_its_socket_is_cut(workspace: Workspace, connected: App) -> None:
    @connected.command("/crew")
    def start(ack: Ack) -> None:
        workspace.disconnect(abrupt=True)
        ack()

    answer = workspace.command("plan a fair")
    assert not answer.ok
    assert workspace.deliveries("slash_commands")[0].attempts[0].problem == "connection_lost"


@pytest.mark.parametrize("within_payload", [False, True])
def test_a_silent_socket_delivers_nothing_and_still_counts_as_connected(
    workspace: Workspace, connected: App, within_payload: bool
) -> None:
    heard: list[str] = []

    @connected.command("/crew")
    def start(ack: Ack, body: Body) -> None:
        heard.append(body["text"])
        ack()

    workspace.call(lambda: setattr(workspace.practice.deliveries, "ack_seconds", 1.0))
    assert workspace.command("plan one").ok
    (link,) = workspace.practice.sockets.links
    workspace.call(lambda: go_silent(link.websocket, within_payload=within_payload))
    answer = workspace.command("plan two")

    assert not answer.ok
    assert heard == ["plan one"]
    assert workspace.deliveries("slash_commands")[1].attempts[0].problem == "timeout"
    assert workspace.practice.sockets.connected


def test_two_sockets_share_the_deliveries(
    workspace: Workspace, app: App, client: WebClient
) -> None:
    @app.command("/crew")
    def start(ack: Ack) -> None:
        ack()

    with bolt.connected(app, workspace), bolt.connected(app, workspace):
        workspace.wait_for(lambda: len(workspace.practice.sockets.links) == 2)
        order = [link.number for link in workspace.practice.sockets.links]
        workspace.command("plan one")
        assert [link.number for link in workspace.practice.sockets.links] == order[::-1]
        workspace.command("plan two")
        assert [link.number for link in workspace.practice.sockets.links] == order
    assert [d.taken for d in workspace.deliveries("slash_commands")] == [True, True]


def test_many_clicks_at_once_all_get_their_ack(
    workspace: Workspace, connected: App, client: WebClient
) -> None:
    seen: list[str] = []

    @connected.action("continue")
    def decided(ack: Ack, body: Body) -> None:
        ack()
        seen.append(body["user"]["id"])

    client.chat_postMessage(channel=CAMPAIGNS, text="Go on?", blocks=question())
    answers = workspace.clicks("Continue", by=[ANA, BEN] * 30)

    assert all(answer.ok for answer in answers)
    workspace.wait_for(lambda: len(seen) == 60)
    assert seen.count(ANA) == 30


def test_a_click_on_an_outdated_screen_still_reaches_the_app(
    workspace: Workspace, connected: App, client: WebClient
) -> None:
    clicked: list[str] = []

    @connected.action("continue")
    def decided(ack: Ack, body: Body) -> None:
        ack()
        clicked.append(body["actions"][0]["value"])

    ts = client.chat_postMessage(channel=CAMPAIGNS, text="Go on?", blocks=question())["ts"]
    old_screen = workspace.message_with("Continue")
    assert old_screen is not None
    client.chat_update(channel=CAMPAIGNS, ts=ts, text="Decided", blocks=[])

    assert workspace.click("Continue", by=BEN, message=old_screen).ok
    assert clicked == ["cp1"]


def test_the_journal_shows_how_many_messages_had_the_same_buttons_at_once(
    workspace: Workspace, client: WebClient
) -> None:
    first = client.chat_postMessage(channel=CAMPAIGNS, text="1", blocks=question(value="a"))["ts"]
    client.chat_update(channel=CAMPAIGNS, ts=first, text="1", blocks=[])
    client.chat_postMessage(channel=CAMPAIGNS, text="2", blocks=question(value="a"))
    client.chat_postMessage(channel=CAMPAIGNS, text="3", blocks=question(value="b"))
    client.chat_postMessage(channel=CAMPAIGNS, text="4", blocks=question(value="b"))

    assert workspace.most_live_at_once(lambda _, button: button.value) == {"a": 1, "b": 2}


def test_a_wait_that_fails_prints_the_threads(workspace: Workspace, client: WebClient) -> None:
    root = client.chat_postMessage(channel=CAMPAIGNS, text="Campaign for a fair")["ts"]
    client.chat_postMessage(channel=CAMPAIGNS, text="Go on?", thread_ts=root, blocks=question())
    with pytest.raises(AssertionError) as failed:
        workspace.wait_for(lambda: False, timeout=0.05, what="a decision")
    told = str(failed.value)
    assert "waited 0.05 s for a decision" in told
    assert "#campaigns\n  countersign: Campaign for a fair" in told
    assert "[Continue] [Revise]" in told
