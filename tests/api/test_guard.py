"""Who may call an API without tokens, and how large a request may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from fastapi.testclient import TestClient

from bot.api.app import create_api
from bot.api.guard import loopback_hosts
from bot.api.services import ApiConfig
from bot.door import DoorAnswer
from tests.api.conftest import ADDRESS, PLAN, Api, Service

EXECUTE = "/api/crew/execute"
BODY = {"message": "a summer campaign"}


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost:8000", "LOCALHOST:8000", "[::1]:8000"]
)
def test_the_names_of_this_machine_are_accepted(client: TestClient, host: str) -> None:
    assert client.get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "127.0.0.1",
        "127.0.0.1:9000",
        "127.0.0.1.evil.example:8000",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/", "/health", "/openapi.json", "/api/crew/status/x", "/nope"])
def test_another_host_is_refused_on_every_path(client: TestClient, host: str, path: str) -> None:
    answer = client.get(path, headers={"Host": host})

    assert answer.status_code == 403
    assert "127.0.0.1:8000" in answer.json()["detail"]


def test_a_page_of_the_same_origin_may_call(client: TestClient) -> None:
    headers = {"Host": "localhost:8000", "Origin": "http://localhost:8000"}

    assert client.post(EXECUTE, json=BODY, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://localhost:8000",
        "http://127.0.0.1:3000",
        "null",
        "",
        "file://",
    ],
)
def test_a_page_of_another_origin_starts_nothing(
    client: TestClient, service: Service, origin: str
) -> None:
    answer = client.post(EXECUTE, json=BODY, headers={"Origin": origin})

    assert answer.status_code == 403
    assert service.reads.executions() == ()


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "",
        "application/jsonx",
    ],
)
def test_a_content_type_that_a_form_can_send_starts_nothing(
    client: TestClient, service: Service, kind: str
) -> None:
    answer = client.post(EXECUTE, content=b'{"message": "m"}', headers={"Content-Type": kind})

    assert answer.status_code == 415
    assert "application/json" in answer.json()["detail"]
    assert service.reads.executions() == ()


def test_json_with_a_charset_is_json(client: TestClient) -> None:
    kind = {"Content-Type": "application/json; charset=utf-8"}

    assert client.post(EXECUTE, content=b'{"message": "m"}', headers=kind).status_code == 200


def test_a_body_that_declares_too_large_a_size_is_refused(
    client: TestClient, service: Service
) -> None:
    answer = client.post(EXECUTE, json={"message": "m", "noise": "x" * (1024 * 1024)})

    assert answer.status_code == 413
    assert service.reads.executions() == ()


def test_a_body_of_unknown_size_is_cut_off(client: TestClient, service: Service) -> None:
    def endless() -> Iterator[bytes]:
        yield b'{"message": "m", "noise": "'
        for _ in range(20):
            yield b"x" * 100_000
        yield b'"}'

    headers = {"Content-Type": "application/json"}
    answer = client.post(EXECUTE, content=endless(), headers=headers)

    assert answer.status_code == 413
    assert service.reads.executions() == ()


def test_a_chunked_body_is_accepted(client: TestClient) -> None:
    chunks = iter([b'{"mess', b'age": "m"', b"}"])

    answer = client.post(EXECUTE, content=chunks, headers={"Content-Type": "application/json"})

    assert answer.status_code == 200


def test_slacks_requests_pass_with_any_host_and_content_type(service: Service) -> None:
    requests: list[tuple[str, bytes]] = []

    def door(headers: Mapping[str, str], body: bytes) -> DoorAnswer:
        requests.append((headers["x-slack-signature"], body))
        return DoorAnswer(200, {"Content-Type": "text/plain"}, b"challenge")

    api = create_api(
        state=service.state,
        reads=service.reads,
        tokens=service.tokens,
        idempotency_keys=service.keys,
        crews={"plan": PLAN},
        door=door,
        config=ApiConfig(hosts=loopback_hosts("127.0.0.1", 8000), version="1"),
    )
    headers = {
        "Host": "bot.example",
        "X-Slack-Signature": "v0=abc",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    client = TestClient(api, base_url=ADDRESS)

    answer = client.post("/slack/events", content=b"payload=x", headers=headers)

    assert (answer.status_code, answer.content) == (200, b"challenge")
    assert requests == [("v0=abc", b"payload=x")]
    assert client.get("/health", headers={"Host": "bot.example"}).status_code == 403


def test_without_slack_there_is_no_route_for_its_requests(api: Api) -> None:
    answer = api.http.post("/slack/events", content=b"x")

    assert answer.status_code == 404


def test_an_unusual_loopback_address_is_accepted_by_its_own_name() -> None:
    assert "127.0.0.2:80" in loopback_hosts("127.0.0.2", 80)
    assert "127.0.0.2" in loopback_hosts("127.0.0.2", 80)
    assert "[::1]:8000" in loopback_hosts("::1", 8000)
