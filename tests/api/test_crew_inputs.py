"""Inputs of crews over REST: what a client may send, and how it learns that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from storage.definitions import CrewInput, InputType
from tests.api.conftest import Service

COUNT = CrewInput("count", InputType.NUMBER, default=3)
INPUTS = (CrewInput("topic"), CrewInput("company"), COUNT, CrewInput("current_year"))


def start(client: TestClient, **body: Any) -> Any:
    return client.post("/api/crew/execute", json={"crew": "launch", **body})


def given(service: Service, answer: Any) -> Any:
    """What the crew of a started execution gets."""
    assert answer.status_code == 200, answer.text
    return service.reads.execution(answer.json()["execution_id"]).request.inputs()


def test_inputs_reach_the_crew_as_json_and_the_message_fills_the_one_that_is_left(
    client: TestClient, service: Service
) -> None:
    service.examine("launch", *INPUTS, CrewInput("tags", InputType.JSON, default=[]))

    answer = start(client, message="bees", inputs={"company": "ACME", "tags": ["a", 1]})

    assert given(service, answer) == {
        "company": "ACME",
        "topic": "bees",
        "tags": ["a", 1],
        "current_year": str(datetime.now(UTC).year),
    }


def test_a_crew_with_all_its_inputs_needs_no_message(client: TestClient, service: Service) -> None:
    service.examine("launch", *INPUTS)

    answer = start(client, inputs={"topic": "bees", "company": "ACME", "count": 7})

    assert given(service, answer)["count"] == 7


def test_a_crew_that_takes_nothing_starts_with_nothing(
    client: TestClient, service: Service
) -> None:
    service.examine("flow", kind="flow")

    assert given(service, client.post("/api/crew/execute", json={"crew": "flow"})) == {}


@pytest.mark.parametrize(
    ("inputs", "detail"),
    [
        ({"topik": "bees"}, "inputs: there is no input 'topik' (did you mean 'topic'?)"),
        ({"topic": "bees"}, "inputs: company is needed (For which company?)"),
        ({"topic": "a", "company": "b", "count": "x"}, "inputs: count: expected a number"),
    ],
)
def test_what_the_crew_does_not_take_is_refused_by_name(
    client: TestClient, service: Service, inputs: dict[str, Any], detail: str
) -> None:
    service.examine("launch", *INPUTS)

    answer = start(client, inputs=inputs)

    assert answer.status_code == 400
    assert detail in answer.json()["detail"]
    assert service.reads.executions() == ()


def test_what_nothing_takes_is_refused_beside_inputs_and_else_noted(
    client: TestClient, service: Service
) -> None:
    service.examine("flow", CrewInput("count", InputType.NUMBER, default=1), kind="flow")
    body = {"crew": "flow", "message": "bees", "language": "German"}

    refused = client.post("/api/crew/execute", json={**body, "inputs": {"count": 2}})
    started = client.post("/api/crew/execute", json=body)

    assert refused.status_code == 400
    assert refused.json()["detail"] == "crew 'flow' has no input for language and message"
    execution = service.reads.execution(started.json()["execution_id"])
    assert execution.request.unused == ("language", "request")


@pytest.mark.parametrize("crew", ["plan", "flow"])
def test_a_crew_that_needs_a_request_says_so_as_before(client: TestClient, crew: str) -> None:
    answer = client.post("/api/crew/execute", json={"crew": crew, "language": "German"})

    assert answer.status_code == 400
    assert answer.json()["detail"] == "one of message and user_input is needed"


@pytest.mark.parametrize(
    "inputs",
    [
        r'{"a": "\ud800"}',
        r'{"\ud800": "a"}',
        '{"a": NaN}',
        "[]",
        '"topic"',
        f'{{"{"a" * 101}": 1}}',
        f'{{"a": {"[" * 400}{"]" * 400}}}',
    ],
)
def test_inputs_that_cannot_be_stored_are_refused(client: TestClient, inputs: str) -> None:
    answer = client.post(
        "/api/crew/execute",
        content=f'{{"crew": "plan", "message": "x", "inputs": {inputs}}}',
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("inputs")


def test_a_repeated_start_gets_the_first_answer_and_other_inputs_are_refused(
    client: TestClient, service: Service
) -> None:
    service.examine("launch", *INPUTS, CrewInput("now"))
    headers = {"Idempotency-Key": "k1"}
    body = {"crew": "launch", "message": "bees", "inputs": {"company": "ACME"}}

    first = client.post("/api/crew/execute", json=body, headers=headers)
    again = client.post("/api/crew/execute", json=body, headers=headers)
    other = client.post(
        "/api/crew/execute", json={**body, "inputs": {"company": "B"}}, headers=headers
    )

    assert (first.status_code, again.status_code, other.status_code) == (200, 200, 409)
    assert again.json()["execution_id"] == first.json()["execution_id"]


def test_a_crew_tells_its_phases_pauses_and_inputs(client: TestClient, service: Service) -> None:
    service.examine("launch", *INPUTS, CrewInput("tone", InputType.CHOICE, choices=("dry", "warm")))

    answer = client.get("/api/crews/launch")

    assert answer.status_code == 200
    assert answer.json() == {
        "name": "launch",
        "description": "A launch",
        "kind": "crew",
        "phases": ["write"],
        "pauses": ["after_write"],
        "problem": None,
        "inputs": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "company": {"type": "string", "title": "For which company?"},
                "topic": {"type": "string"},
                "count": {"type": "number", "default": 3},
                "tone": {"type": "string", "enum": ["dry", "warm"]},
            },
            "required": ["company", "topic", "tone"],
            "additionalProperties": False,
        },
    }


def test_the_input_that_takes_the_message_says_so(client: TestClient, service: Service) -> None:
    service.examine("flow", CrewInput("topic", default=""), kind="flow")

    topic = client.get("/api/crews/flow").json()["inputs"]["properties"]["topic"]

    assert topic["description"] == "Takes `message` if it is not given by name."


def test_all_crews_are_listed_and_an_unknown_one_is_not_found(client: TestClient) -> None:
    crews = client.get("/api/crews").json()

    assert crews["next"] is None
    assert {"plan", "note", "flow", "launch"} <= {each["name"] for each in crews["items"]}
    plan = next(each for each in crews["items"] if each["name"] == "plan")
    assert (plan["kind"], plan["phases"]) == ("program", ["draft", "check", "end"])
    assert plan["pauses"] == ["after_draft", "before_end"]
    assert client.get("/api/crews/nothing").status_code == 404
