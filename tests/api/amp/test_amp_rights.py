"""Who may do what below /amp, once a token was made."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from bot.webhooks.amp import AmpBodies
from storage.db.database import SystemClock
from storage.db.engines import open_engine
from storage.outbox.webhook_queue import WebhookQueue
from storage.tokens import Scope, TokenKind
from tests.api.amp.conftest import Amp
from tests.api.conftest import Service

HUMAN = {"humanInputWebhook": {"url": "https://hooks.example/human"}}


@pytest.fixture(autouse=True)
def closed(service: Service) -> None:
    token(service, Scope.READ)


def token(service: Service, *scopes: Scope) -> str:
    _token, secret = service.tokens.create(
        TokenKind.TOKEN, scopes=scopes, lifetime=timedelta(days=1), label="A program"
    )
    return secret


def client_with(client: TestClient, secret: str) -> Amp:
    client.headers["Authorization"] = f"Bearer {secret}"
    return Amp(client)


def asked(service: Service) -> Any:
    """The body of the webhook that asks a person."""
    engine = open_engine(f"sqlite:///{service.database}")
    queue = WebhookQueue(engine, SystemClock())
    bodies = AmpBodies(service.reads, service.tokens, SystemClock(), "http://127.0.0.1:8000")
    (due,) = queue.take(bodies, owner="tests", most=9, room=lambda _: 9).due
    engine.dispose()
    return json.loads(due.body)


def answer(client: TestClient, callback_url: str) -> int:
    client.headers.pop("Authorization", None)
    return client.post(callback_url, json={"feedback": "go ahead"}).status_code


def test_without_a_token_every_call_is_refused_in_amps_shape(amp: Amp) -> None:
    for refused in (amp.get("/inputs"), amp.post("/kickoff", inputs={}), amp.post("/resume")):
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == "Bearer"
        assert (refused.json()["error"], refused.json()["details"]) == ("Unauthorized", {})


def test_each_call_needs_its_scope(client: TestClient, service: Service) -> None:
    amp = client_with(client, token(service, Scope.READ))
    assert amp.get("/inputs").status_code == 200
    assert amp.post("/kickoff", inputs={}).status_code == 403

    amp = client_with(client, token(service, Scope.EXECUTE))
    kickoff_id = amp.kickoff()
    service.run_phase()
    refused = amp.resume(kickoff_id, "draft_task", "")
    assert (refused.status_code, set(refused.json())) == (403, {"error", "message", "details"})
    assert amp.get(f"/status/{kickoff_id}").status_code == 403


def test_a_callback_answers_without_another_token_and_only_once(
    client: TestClient, service: Service
) -> None:
    client_with(client, token(service, Scope.EXECUTE, Scope.DECIDE)).kickoff(**HUMAN)
    service.run_phase()
    callback_url = asked(service)["callback_url"]

    assert answer(client, callback_url) == 200
    assert answer(client, callback_url) == 409
    assert answer(client, f"{callback_url}0") == 401


def test_who_may_not_decide_gets_no_callback(client: TestClient, service: Service) -> None:
    client_with(client, token(service, Scope.EXECUTE)).kickoff(**HUMAN)
    service.run_phase()

    assert asked(service)["callback_url"] is None


def test_a_callback_ends_with_the_token_of_the_kickoff(
    client: TestClient, service: Service
) -> None:
    secret = token(service, Scope.EXECUTE, Scope.DECIDE)
    client_with(client, secret).kickoff(**HUMAN)
    service.run_phase()
    callback_url = asked(service)["callback_url"]
    service.tokens.revoke(secret)

    assert answer(client, callback_url) == 401


def test_no_callback_is_made_for_a_token_that_was_revoked(
    client: TestClient, service: Service
) -> None:
    secret = token(service, Scope.EXECUTE, Scope.DECIDE)
    client_with(client, secret).kickoff(**HUMAN)
    service.tokens.revoke(secret)
    service.run_phase()

    assert asked(service)["callback_url"] is None


def test_a_callback_of_a_person_decides_only_what_they_may(
    client: TestClient, service: Service
) -> None:
    """Without Slack nobody knows whether Ben is in the channel."""
    _token, secret = service.tokens.create(
        TokenKind.TOKEN, scopes=[Scope.EXECUTE, Scope.DECIDE], lifetime=None, person="UBEN"
    )
    client_with(client, secret).kickoff(**HUMAN)
    service.run_phase()

    assert answer(client, asked(service)["callback_url"]) == 403
