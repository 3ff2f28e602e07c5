"""`Idempotency-Key`: a request that is repeated is carried out once."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, Response
from fastapi.testclient import TestClient

from bot.api.app import create_api
from bot.api.guard import loopback_hosts
from bot.api.services import ApiConfig
from storage.idempotency_keys import LOCK, IdempotencyKeys
from storage.tokens import Scope, TokenKind
from tests.api.conftest import ADDRESS, PLAN, Api, Service

EXECUTE = "/api/crew/execute"
FEEDBACK = "/api/crew/feedback"
KEY = {"Idempotency-Key": "order-17"}
BODY = {"message": "a summer campaign"}


def another_process(service: Service) -> TestClient:
    """The API in another process on the same database, or in this one after a restart."""
    return TestClient(_api(service), base_url=ADDRESS, raise_server_exceptions=False)


def _api(service: Service) -> FastAPI:
    return create_api(
        state=service.state,
        reads=service.reads,
        tokens=service.tokens,
        idempotency_keys=service.keys,
        crews={"plan": PLAN},
        door=None,
        config=ApiConfig(hosts=loopback_hosts("127.0.0.1", 8000), version="1"),
    )


def test_a_repetition_gets_the_first_answer_from_every_process(
    client: TestClient, service: Service
) -> None:
    first = client.post(EXECUTE, json=BODY, headers=KEY)
    service.run_phase()  # the status is another by now

    for again in (client, another_process(service)):
        repeated = again.post(EXECUTE, json=BODY, headers=KEY)
        assert (repeated.status_code, repeated.content) == (200, first.content)
        assert repeated.headers["Content-Type"] == "application/json"
        assert repeated.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert len(service.reads.executions()) == 1


def test_a_repeated_decision_is_no_conflict(api: Api, service: Service) -> None:
    run = api.execute()["execution_id"]
    service.run_phase()
    checkpoint = api.checkpoint(run)
    body = {
        "execution_id": run,
        "checkpoint_id": checkpoint["checkpoint_id"],
        "action": "continue",
    }

    answers = [api.http.post(FEEDBACK, json=body, headers=KEY) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert api.http.post(FEEDBACK, json=body).status_code == 409


@pytest.mark.parametrize(
    ("path", "body", "query"),
    [
        (EXECUTE, {"message": "another"}, ""),
        (FEEDBACK, BODY, ""),
        (EXECUTE, BODY, "?more=1"),
    ],
)
def test_another_request_under_the_key_is_refused(
    client: TestClient, service: Service, path: str, body: Any, query: str
) -> None:
    client.post(EXECUTE, json=BODY, headers=KEY)

    answer = client.post(path + query, json=body, headers=KEY)

    assert answer.status_code == 409
    assert answer.json()["detail"] == "this Idempotency-Key was used for another request"
    assert len(service.reads.executions()) == 1


def test_a_refusal_is_repeated_too(client: TestClient) -> None:
    answers = [client.post(EXECUTE, json={}, headers=KEY) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].content == answers[1].content
    assert answers[1].headers["Content-Type"] == "application/problem+json"


def test_a_key_belongs_to_its_caller(client: TestClient, service: Service) -> None:
    tokens = [
        service.tokens.create(TokenKind.TOKEN, scopes=frozenset(Scope), lifetime=None)[1]
        for _ in range(2)
    ]

    answers = [
        client.post(EXECUTE, json=BODY, headers={**KEY, "Authorization": f"Bearer {token}"})
        for token in tokens
    ]

    assert len({answer.json()["execution_id"] for answer in answers}) == 2


@pytest.mark.parametrize("key", ["", "x" * 201, "a\x01b"])
def test_a_key_that_cannot_be_kept_is_refused(
    client: TestClient, service: Service, key: str
) -> None:
    answer = client.post(EXECUTE, json=BODY, headers={"Idempotency-Key": key})

    assert answer.status_code == 400
    assert service.reads.executions() == ()


def test_two_keys_are_refused(client: TestClient) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]

    assert client.post(EXECUTE, json=BODY, headers=headers).status_code == 400


def test_a_large_body_is_refused_with_a_key_too(client: TestClient) -> None:
    answer = client.post(EXECUTE, json={"message": "m" * 1_100_000}, headers=KEY)

    assert answer.status_code == 413


# --- with routes that the tests control -----------------------------------------------------


class Slow:
    """A route that answers when it is let go, and counts how often it was called."""

    def __init__(self, service: Service) -> None:
        self.calls = 0
        self.entered, self.let_go = threading.Event(), threading.Event()
        self.answers: list[Response | Exception] = []
        routes = APIRouter()
        routes.post("/slow")(self.answer)
        self.api = _api(service)
        self.api.include_router(routes)
        self.client = TestClient(self.api, base_url=ADDRESS, raise_server_exceptions=False)

    def answer(self) -> Response:
        self.calls += 1
        self.entered.set()
        self.let_go.wait(10)
        answer = self.answers.pop(0) if self.answers else Response("done")
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def slow(service: Service) -> Slow:
    return Slow(service)


def test_while_the_first_is_under_way_others_are_told_to_wait(slow: Slow) -> None:
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(slow.client.post, "/slow", headers=KEY)
        assert slow.entered.wait(10)

        meanwhile = slow.client.post("/slow", headers=KEY)
        slow.let_go.set()

        assert first.result().text == "done"
    assert (meanwhile.status_code, meanwhile.headers["Retry-After"]) == (409, "1")
    assert slow.client.post("/slow", headers=KEY).text == "done"
    assert slow.calls == 1


@pytest.mark.parametrize(
    "answer",
    [Response(status_code=503), Response(status_code=429), ValueError("a fault")],
    ids=["unavailable", "limited", "fault"],
)
def test_an_answer_that_may_differ_next_time_frees_the_key(
    slow: Slow, answer: Response | Exception
) -> None:
    slow.let_go.set()
    slow.answers.append(answer)

    assert slow.client.post("/slow", headers=KEY).status_code >= 429
    assert slow.client.post("/slow", headers=KEY).text == "done"
    assert slow.calls == 2


@pytest.mark.parametrize(
    "headers", [{"Set-Cookie": "countersign_session=secret"}, {"Cache-Control": "no-store"}]
)
def test_an_answer_with_a_secret_is_not_stored(
    slow: Slow, service: Service, headers: dict[str, str]
) -> None:
    slow.let_go.set()
    slow.answers.append(Response("secret", headers=headers))

    assert slow.client.post("/slow", headers=KEY).text == "secret"

    with closing(sqlite3.connect(service.database)) as database:
        assert database.execute("SELECT * FROM idempotency_keys").fetchall() == []


def test_a_ticket_is_not_stored(client: TestClient, service: Service) -> None:
    tickets = [client.post("/api/events/ticket", headers=KEY).json()["ticket"] for _ in range(2)]

    assert tickets[0] != tickets[1]
    assert tickets[0].encode() not in service.database.read_bytes()


def test_after_a_crash_the_key_is_free_when_its_lock_has_ended(
    slow: Slow, service: Service
) -> None:
    slow.let_go.set()
    slow.client.post("/slow", headers=KEY)
    with closing(sqlite3.connect(service.database)) as database:
        # As the process left it that died before it answered.
        died = datetime.now(UTC) - LOCK
        database.execute(
            "UPDATE idempotency_keys SET status = NULL, headers = NULL, body = NULL,"
            " locked_until = ?",
            [died.replace(tzinfo=None).isoformat(" ", "microseconds")],
        )
        database.commit()

    assert slow.client.post("/slow?other", headers=KEY).status_code == 409
    with ThreadPoolExecutor(4) as threads:
        answers = list(
            threads.map(lambda _: slow.client.post("/slow", headers=KEY).status_code, range(4))
        )

    assert answers.count(200) >= 1
    assert set(answers) <= {200, 409}
    assert slow.calls == 2


def test_a_start_whose_answer_was_lost_in_a_crash_starts_nothing_again(
    client: TestClient, service: Service
) -> None:
    first = client.post(EXECUTE, json=BODY, headers=KEY)
    with closing(sqlite3.connect(service.database)) as database:
        database.execute("DELETE FROM idempotency_keys")
        database.commit()

    again = client.post(EXECUTE, json=BODY, headers=KEY)

    assert again.json()["execution_id"] == first.json()["execution_id"]
    assert len(service.reads.executions()) == 1


def test_keys_are_kept_for_two_days(client: TestClient, service: Service) -> None:
    client.post(EXECUTE, json=BODY, headers=KEY)
    keys: IdempotencyKeys = service.keys

    assert keys.delete_old() == 0
    assert keys.delete_old(older_than=timedelta(0)) == 1
