"""A real Bolt app over signed HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from slack_bolt import Ack, App, BoltRequest, BoltResponse
from slack_sdk import WebClient

from tests.practice.samples import Body, modal, question
from tests.support.bolt_http import reached_by_http
from tests.support.workspace import ANA, BEN, Workspace


@pytest.fixture
def served(workspace: Workspace, app: App) -> Iterator[App]:
    with reached_by_http(app, workspace):
        yield app


def test_a_signed_command_is_accepted_and_its_ack_text_is_shown_to_the_person_only(
    workspace: Workspace, served: App
) -> None:
    @served.command("/crew")
    def start(ack: Ack, body: Body) -> None:
        ack(f"Started: {body['text']}")

    assert workspace.command("plan a fair", by=BEN).ok
    assert workspace.ephemeral(BEN) == "Started: plan a fair"
    assert workspace.ephemerals(ANA) == []


def test_a_wrong_signing_secret_gives_the_person_a_notice(
    workspace: Workspace, served: App
) -> None:
    @served.command("/crew")
    def start(ack: Ack) -> None:
        ack()

    workspace.call(lambda: setattr(workspace.practice.workspace.app, "signing_secret", "other"))
    answer = workspace.command("plan a fair")

    assert answer.notice == '/crew failed with the error "dispatch_failed".'
    assert workspace.deliveries("slash_commands")[0].attempts[0].status == 401


def test_a_click_a_modal_and_its_submission_go_over_http_too(
    workspace: Workspace, served: App, client: WebClient
) -> None:
    submitted: list[str] = []

    @served.action("revise")
    def revise(ack: Ack, body: Body, client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=modal())
        ack()

    @served.view("revise")
    def sent(ack: Ack, view: Body) -> None:
        submitted.append(view["state"]["values"]["words"]["text"]["value"])
        ack()

    client.chat_postMessage(channel="C00CAMPAIGN", text="Go on?", blocks=question())
    assert workspace.click("Revise", by=BEN).ok
    assert workspace.submit({"text": "shorter"}, by=BEN).ok
    assert submitted == ["shorter"]


def test_an_app_that_answers_late_times_out(workspace: Workspace, served: App) -> None:
    workspace.call(lambda: setattr(workspace.practice.deliveries, "ack_seconds", 0.2))
    given_up = threading.Event()

    @served.command("/crew")
    def start(ack: Ack) -> None:
        given_up.wait(10)
        ack()

    begun = time.monotonic()
    answer = workspace.command("plan a fair")
    waited = time.monotonic() - begun
    given_up.set()

    assert 0.2 <= waited < 10
    assert not answer.ok
    assert "did not respond" in answer.notice


def test_an_unacknowledged_event_is_retried_with_its_number_and_reason(
    workspace: Workspace, served: App
) -> None:
    tries: list[tuple[str | None, str | None]] = []

    @served.middleware
    def refuse_twice(req: BoltRequest, next: object) -> BoltResponse | None:
        headers = {name: values[0] for name, values in req.headers.items()}
        tries.append((headers.get("x-slack-retry-num"), headers.get("x-slack-retry-reason")))
        if len(tries) < 3:
            return BoltResponse(status=503)
        assert callable(next)
        next()
        return None

    @served.event("message")
    def listen() -> None:
        return

    workspace.retry_events_after(0.0, 0.05, 0.1)
    workspace.say("hello")

    workspace.wait_for(lambda: len(tries) == 3)
    assert tries == [(None, None), ("1", "http_error"), ("2", "http_error")]
    workspace.wait_for(lambda: workspace.deliveries("events_api")[0].taken)
    assert len(workspace.deliveries("events_api")[0].attempts) == 3


def test_the_request_url_answers_slacks_handshake(workspace: Workspace, served: App) -> None:
    assert workspace.verify_request_url()
    workspace.reach_by_http(f"{workspace.url}/nowhere")
    assert not workspace.verify_request_url()


def test_socket_mode_is_disabled_while_the_app_has_a_request_url(
    workspace: Workspace, served: App
) -> None:
    environment = workspace.env("http")
    assert "SLACK_APP_TOKEN" not in environment
    answer = httpx.post(
        f"{environment['SLACK_API_URL']}apps.connections.open",
        headers={"Authorization": "Bearer xapp-practice"},
    ).json()
    assert answer == {"ok": False, "error": "socket_mode_disabled"}
