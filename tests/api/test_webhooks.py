"""Webhooks over REST: taken with a run, listed, replayed, and never shown with their secrets."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, update

from storage.db.api_tables import webhook_deliveries
from storage.webhooks import DeliveryState
from tests.api.conftest import Service

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLDER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
HOOK = {"url": "https://one.example/hook?token=hush", "secret": SECRET}


def execute(client: TestClient, **body: Any) -> Any:
    return client.post("/api/crew/execute", json={"message": "a summer campaign", **body})


def deliveries(client: TestClient, **query: str) -> Any:
    return client.get("/api/webhooks/deliveries", params=query).json()


def kill(service: Service) -> None:
    """Let all deliveries be dead, as after a day."""
    engine = create_engine(f"sqlite:///{service.database}")
    with engine.begin() as connection:
        dead = {"state": DeliveryState.DEAD, "error": "the receiver answered 500", "attempts": 16}
        connection.execute(update(webhook_deliveries).values(dead))
    engine.dispose()


def test_a_run_takes_one_webhook_and_several(client: TestClient) -> None:
    more = [{"url": "https://two.example/", "secret": OLDER, "previous_secret": SECRET}]

    assert execute(client, webhook=HOOK, webhooks=more).status_code == 200
    assert execute(client).status_code == 200

    listed = deliveries(client)
    assert [each["url"] for each in listed["items"]] == [
        "https://two.example/",
        "https://one.example/hook?…",
    ]
    assert {each["type"] for each in listed["items"]} == {"execution.started"}
    assert listed["next"] is None


@pytest.mark.parametrize(
    ("webhook", "detail"),
    [
        ({"url": "https://one.example/"}, "webhook.secret is needed"),
        ({"secret": SECRET}, "webhook.url is needed"),
        (HOOK | {"secret": "hush"}, "webhook: secret must begin with whsec_"),
        (HOOK | {"secret": "whsec_????"}, "webhook: secret must be base64 after whsec_"),
        (HOOK | {"previous_secret": "hush"}, "webhook: previous_secret must begin with whsec_"),
        (HOOK | {"url": "ftp://one.example/"}, "webhook.url: must begin with http:// or https://"),
        (
            HOOK | {"url": "https://a:hush@one.example/"},
            "webhook.url: must not contain a user name",
        ),
        (HOOK | {"url": "http://127.0.0.1:9/"}, "webhook.url: 127.0.0.1 is not a public address"),
        (HOOK | {"url": "http://[::ffff:10.0.0.1]/"}, "is not a public address"),
        (HOOK | {"url": "http://localhost/"}, "localhost is not a public address"),
        (HOOK | {"format": "xml"}, "webhook.format"),
        ([], "webhook"),
    ],
)
def test_a_bad_webhook_is_refused_and_nothing_starts(
    client: TestClient, service: Service, webhook: object, detail: str
) -> None:
    answer = execute(client, webhook=webhook)

    assert answer.status_code == 400
    assert detail in answer.json()["detail"]
    assert "hush" not in answer.text
    assert service.state.claim("tests") is None


def test_no_more_than_ten_webhooks_are_taken(client: TestClient) -> None:
    assert execute(client, webhooks=[HOOK] * 11).status_code == 400


def test_amp_takes_any_text_as_a_secret(client: TestClient) -> None:
    amp = {"url": "https://one.example/", "secret": "any text", "format": "amp"}

    assert execute(client, webhook=amp).status_code == 200


def test_dead_deliveries_are_listed_by_pages_and_replayed(
    client: TestClient, service: Service
) -> None:
    for _ in range(3):
        execute(client, webhook=HOOK)
    assert deliveries(client, state="dead")["items"] == []
    kill(service)

    first = deliveries(client, state="dead", limit="2")
    second = deliveries(client, state="dead", limit="2", cursor=first["next"])

    assert [len(page["items"]) for page in (first, second)] == [2, 1]
    assert second["next"] is None
    dead = second["items"][0]
    assert (dead["state"], dead["error"]) == ("dead", "the receiver answered 500")

    replayed = client.post(f"/api/webhooks/deliveries/{dead['id']}/replay", json={})

    assert replayed.status_code == 200
    assert (replayed.json()["state"], replayed.json()["attempts"]) == ("queued", 0)
    again = client.post(f"/api/webhooks/deliveries/{dead['id']}/replay", json={})
    assert again.status_code == 409
    assert client.get(f"/api/webhooks/deliveries/{dead['id']}").json() == replayed.json()


@pytest.mark.parametrize("path", ["nothing", "nothing/replay"])
def test_an_unknown_delivery_is_404(client: TestClient, path: str) -> None:
    method = "POST" if path.endswith("replay") else "GET"
    answer = client.request(
        method, f"/api/webhooks/deliveries/{path}", json={} if method == "POST" else None
    )

    assert answer.status_code == 404


@pytest.mark.parametrize(
    "query",
    [{"cursor": "x"}, {"cursor": "-1"}, {"state": "lost"}, {"limit": "0"}, {"limit": "1000"}],
)
def test_a_bad_query_is_400(client: TestClient, query: dict[str, str]) -> None:
    assert client.get("/api/webhooks/deliveries", params=query).status_code == 400


def test_no_answer_holds_a_secret(client: TestClient, service: Service) -> None:
    started = execute(client, webhook=HOOK)
    listed = client.get("/api/webhooks/deliveries")
    status = client.get(f"/api/crew/status/{started.json()['execution_id']}")

    for answer in (started, listed, status):
        assert SECRET not in answer.text
        assert "hush" not in answer.text
