"""What the API refuses: the status code, and a detail that helps."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from storage.definitions import CrewReport
from storage.records import Failure
from tests.api.conftest import Api, Service

EXECUTE = "/api/crew/execute"
FEEDBACK = "/api/crew/feedback"
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "one of message and user_input is needed"),
        ({"message": "  "}, "one of message and user_input is needed"),
        ({"message": 5}, "message: input should be a valid string"),
        ({"message": "m", "language": ["de"]}, "language: input should be a valid string"),
        ({"message": "m", "checkpoints": "after_draft"}, "checkpoints: input should be a valid"),
        ({"message": "m", "checkpoints": [1]}, "checkpoints.0: input should be a valid string"),
        ({"message": "m", "checkpoints": ["nope"]}, "it has: after_draft, before_end"),
        ({"message": "m", "crew": "plann"}, "there are: flow, launch, note, one_"),
        ({"message": "m" * 100_001}, "at most 100000 characters"),
        ([], "the body: input should be"),
        ("message", "the body: input should be"),
        (None, "the body: input should be"),
    ],
)
def test_an_invalid_start_is_refused_with_the_reason(
    client: TestClient, service: Service, body: Any, detail: str
) -> None:
    raw = json.dumps(body)

    answer = client.post(EXECUTE, content=raw, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert detail in answer.json()["detail"]
    assert service.reads.executions() == ()


@pytest.mark.parametrize("path", [EXECUTE, FEEDBACK])
@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b'{"message": "a"'])
def test_invalid_json_is_a_bad_request(client: TestClient, path: str, raw: bytes) -> None:
    answer = client.post(path, content=raw, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["detail"]


@pytest.mark.parametrize("path", [EXECUTE, FEEDBACK])
@pytest.mark.parametrize(
    "text",
    ["\\ud800", "a\\u0000b", "\\ud83d alone"],
)
def test_text_that_no_database_can_store_is_a_bad_request(
    client: TestClient, service: Service, path: str, text: str
) -> None:
    fields = '"execution_id": "x", "checkpoint_id": "y", "action": "revise"'
    raw = f'{{{fields}, "message": "{text}", "feedback": "{text}"}}'

    answer = client.post(path, content=raw, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400, answer.text
    assert service.reads.executions() == ()


@pytest.mark.parametrize("name", ["execution_id", "checkpoint_id"])
def test_a_malformed_id_is_refused(client: TestClient, name: str) -> None:
    fields = {"execution_id": NOBODY, "checkpoint_id": NOBODY, "action": "stop", name: "\u0000%_'"}

    assert client.post(FEEDBACK, json=fields).status_code in (400, 404)


def test_deeply_nested_json_is_a_bad_request(client: TestClient) -> None:
    raw = "[" * 100_000

    answer = client.post(EXECUTE, content=raw, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("change", "code", "detail"),
    [
        ({"action": "approve"}, 400, "there are: continue, revise, stop, skip"),
        ({"action": None}, 400, "action"),
        ({"action": "revise"}, 400, "feedback"),
        ({"action": "revise", "feedback": "   "}, 400, "feedback"),
        ({"feedback": 7}, 400, "feedback"),
        ({"execution_id": NOBODY}, 404, NOBODY),
        ({"checkpoint_id": NOBODY}, 404, NOBODY),
        ({"execution_id": 1}, 400, "execution_id"),
    ],
)
def test_invalid_feedback_is_refused_and_decides_nothing(
    api: Api, service: Service, change: dict[str, Any], code: int, detail: str
) -> None:
    run = api.execute()["execution_id"]
    service.run_phase()
    checkpoint_id = api.checkpoint(run)["checkpoint_id"]
    body = {"execution_id": run, "checkpoint_id": checkpoint_id, "action": "continue"}

    answer = api.http.post(FEEDBACK, json={**body, **change})

    assert answer.status_code == code
    assert detail in answer.json()["detail"]
    assert api.status(run)["status"] == "waiting_feedback"


@pytest.mark.parametrize("missing", ["execution_id", "checkpoint_id", "action"])
def test_feedback_needs_its_fields(client: TestClient, missing: str) -> None:
    body = {"execution_id": NOBODY, "checkpoint_id": NOBODY, "action": "continue"}
    del body[missing]

    answer = client.post(FEEDBACK, json=body)

    assert answer.status_code == 400
    assert answer.json()["detail"] == f"{missing} is needed"


def test_a_checkpoint_of_another_run_is_unknown(api: Api, service: Service) -> None:
    one = api.execute()["execution_id"]
    service.run_phase()
    checkpoint = api.checkpoint(one)
    other = api.execute()["execution_id"]

    answer = api.decide({**checkpoint, "execution_id": other}, "continue")

    assert answer.status_code == 404
    assert api.status(one)["status"] == "waiting_feedback"


@pytest.mark.parametrize("second", ["continue", "stop", "revise", "skip"])
def test_a_second_decision_is_a_conflict_that_says_what_was_decided(
    api: Api, service: Service, second: str
) -> None:
    run = api.execute()["execution_id"]
    service.run_phase()
    checkpoint = api.checkpoint(run)
    api.decide(checkpoint, "continue")

    answer = api.decide(checkpoint, second, "shorter")

    assert answer.status_code == 409
    assert "already continued by unauthenticated loopback" in answer.json()["detail"]


def test_a_run_without_a_waiting_checkpoint_has_no_content(api: Api, service: Service) -> None:
    run = api.execute()["execution_id"]
    path = f"/api/crew/checkpoint/{run}"
    assert api.http.get(path).status_code == 204
    assert api.http.get(path).content == b""

    service.claim()

    assert api.http.get(path).status_code == 204


def test_a_run_in_error_has_no_checkpoint_and_says_why(api: Api, service: Service) -> None:
    run = api.execute()["execution_id"]
    service.state.fail(service.claim(), Failure("the model said no", retryable=False))

    assert api.http.get(f"/api/crew/checkpoint/{run}").status_code == 204
    assert api.status(run)["status"] == "error"
    assert "the model said no" in api.status(run)["error"]


def test_a_checkpoint_of_an_ended_run_is_a_bad_request(api: Api, service: Service) -> None:
    run = api.execute(crew="note")["execution_id"]
    service.run_phase()

    answer = api.http.get(f"/api/crew/checkpoint/{run}")

    assert answer.status_code == 400
    assert "completed" in answer.json()["detail"]


@pytest.mark.parametrize("call", ["status", "checkpoint"])
@pytest.mark.parametrize("name", [NOBODY, "x", "..%2f..", "%00", "a" * 500])
def test_an_unknown_run_is_not_found(client: TestClient, call: str, name: str) -> None:
    answer = client.get(f"/api/crew/{call}/{name}")

    assert answer.status_code == 404
    assert answer.json()["detail"]


def test_a_shortened_id_is_not_found(api: Api) -> None:
    run = api.execute()["execution_id"]

    assert api.http.get(f"/api/crew/status/{run[:8]}").status_code == 404


def test_a_crew_that_cannot_be_built_is_not_started(api: Api, service: Service) -> None:
    service.state.report_crew(CrewReport("plan", "its module is gone", (), datetime.now(UTC)))

    answer = api.http.post(EXECUTE, json={"message": "m"})

    assert answer.status_code == 409
    assert "its module is gone" in answer.json()["detail"]
    assert service.reads.executions() == ()


def test_an_idempotency_key_starts_one_run(api: Api, service: Service) -> None:
    headers = {"Idempotency-Key": "order-17"}

    answers = [api.http.post(EXECUTE, json={"message": "m"}, headers=headers) for _ in range(3)]

    assert {answer.json()["execution_id"] for answer in answers} == {
        service.reads.executions()[0].id
    }
    assert len(service.reads.executions()) == 1


def test_an_idempotency_key_is_refused_for_another_request(api: Api, service: Service) -> None:
    headers = {"Idempotency-Key": "order-17"}
    api.http.post(EXECUTE, json={"message": "one"}, headers=headers)

    answer = api.http.post(EXECUTE, json={"message": "two"}, headers=headers)

    assert answer.status_code == 409
    assert len(service.reads.executions()) == 1


def test_a_busy_database_is_unavailable_and_asks_to_retry(api: Api, service: Service) -> None:
    run = api.execute()["execution_id"]
    other_process = sqlite3.connect(service.database)
    with closing(other_process):
        other_process.execute("BEGIN IMMEDIATE")

        answer = api.http.post(EXECUTE, json={"message": "m"})

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert [execution.id for execution in service.reads.executions()] == [run]


def test_a_broken_database_is_unavailable_and_shows_no_input(
    client: TestClient, service: Service
) -> None:
    with closing(sqlite3.connect(service.database)) as other_process:
        other_process.execute("ALTER TABLE executions RENAME TO elsewhere")

    for answer in (client.get("/health"), client.post(EXECUTE, json={"message": "hunter2"})):
        assert answer.status_code == 503
        assert "database" in answer.json()["detail"]
        assert "hunter2" not in answer.text


def test_no_route_answers_422_even_in_the_schema(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    ours = {path: calls for path, calls in paths.items() if not path.startswith("/amp/")}

    assert '"422"' not in json.dumps(ours)
    assert "HTTPValidationError" not in json.dumps(paths)


def test_unknown_paths_and_methods_answer_json(client: TestClient) -> None:
    assert client.get("/nope").json()["detail"] == "Not Found"
    assert client.get(EXECUTE).status_code == 405
