"""Lists of executions, one with all that happened, and what waits."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.api.conftest import Api, Service


def start(api: Api, message: str, crew: str = "plan") -> str:
    return str(api.execute(message=message, crew=crew)["execution_id"])


def pages(client: TestClient, path: str) -> list[Any]:
    """The items of all pages, of which each has two at most."""
    items: list[Any] = []
    following = None
    while True:
        cursor: dict[str, str] = {} if following is None else {"cursor": following}
        page = client.get(path, params={"limit": 2, **cursor}).json()
        assert len(page["items"]) <= 2
        items += page["items"]
        following = page["next"]
        if following is None:
            return items


def test_executions_are_listed_newest_first_page_by_page(client: TestClient, api: Api) -> None:
    started = [start(api, f"plan {number}") for number in range(5)]

    listed = pages(client, "/api/executions")

    assert [each["execution_id"] for each in listed] == started[::-1]
    assert listed[0]["message"] == "plan 4"
    assert listed[0]["requester"] == {
        "kind": "api",
        "id": "loopback",
        "name": "unauthenticated loopback",
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=pending", ["second", "first"]),
        ("status=waiting_feedback", ["third"]),
        ("status=pending&status=waiting_feedback", ["third", "second", "first"]),
        ("crew=note", ["second"]),
        ("requester=loopback", ["third", "second", "first"]),
        ("requester=U1", []),
        ("channel=C1", []),
        ("created_before=2020-01-01T00:00:00Z", []),
        ("created_after=2020-01-01T00:00:00Z", ["third", "second", "first"]),
    ],
)
def test_lists_can_be_limited(
    service: Service, client: TestClient, api: Api, query: str, expected: list[str]
) -> None:
    start(api, "third")
    service.run_phase("a draft")
    start(api, "first")
    start(api, "second", crew="note")
    listed = client.get(f"/api/executions?{query}").json()["items"]
    assert sorted(item["message"] for item in listed) == sorted(expected)


@pytest.mark.parametrize("path", ["/api/executions", "/api/checkpoints"])
@pytest.mark.parametrize("cursor", ["x", "W10", "WzFd", "WyJhIiwiYiJd", "\u00e4", "WyIiLCIiXQ"])
def test_a_cursor_that_was_made_up_is_refused(client: TestClient, path: str, cursor: str) -> None:
    answer = client.get(path, params={"cursor": cursor})
    assert answer.status_code == 400
    assert "cursor" in answer.json()["detail"]


def test_one_execution_shows_its_phases_decisions_and_outputs(
    service: Service, client: TestClient, api: Api
) -> None:
    run = start(api, "bees")
    service.run_phase("first draft")
    waiting = client.get(f"/api/executions/{run}").json()
    assert waiting["status"] == "waiting_feedback"
    assert waiting["actions"] == ["cancel"]
    api.decide(api.checkpoint(run), "revise", "shorter")
    service.run_phase("second draft")

    body = client.get(f"/api/executions/{run}").json()

    assert body["request"]["message"] == "bees"
    assert [(each["revision"], each["output"]) for each in body["runs"]] == [
        (1, "first draft"),
        (2, "second draft"),
    ]
    revised, pending = body["checkpoints"]
    assert revised["decision"]["action"] == "revise"
    assert revised["decision"]["feedback"] == "shorter"
    assert revised["decision"]["actor"]["id"] == "loopback"
    assert pending["decision"] is None
    assert pending["context"]["output"] == "second draft"


def test_what_waits_is_listed_with_its_execution_and_goes_once_it_is_decided(
    service: Service, client: TestClient, api: Api
) -> None:
    runs = [start(api, f"plan {number}") for number in range(3)]
    for _ in runs:
        service.run_phase("a draft")

    waiting = pages(client, "/api/checkpoints?waiting=true")
    assert {each["execution_id"] for each in waiting} == set(runs)
    assert waiting[0]["crew"] == "plan"
    assert waiting[0]["context"]["output"] == "a draft"

    api.decide(waiting[0], "stop")
    rest = client.get("/api/checkpoints").json()["items"]
    assert [each["checkpoint_id"] for each in rest] == [w["checkpoint_id"] for w in waiting[1:]]


def test_cancel_and_retry_answer_the_execution_and_refuse_a_wrong_state(
    client: TestClient, api: Api
) -> None:
    run = start(api, "bees")
    refused = client.post(f"/api/executions/{run}/retry", json={})
    assert refused.status_code == 409
    cancelled = client.post(f"/api/executions/{run}/cancel", json={})
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert cancelled.json()["ended_by"]["id"] == "loopback"
    assert client.post(f"/api/executions/{run}/cancel", json={}).status_code == 409


def test_the_audit_trail_says_what_happened_in_order(
    service: Service, client: TestClient, api: Api
) -> None:
    run = start(api, "bees")
    service.run_phase("a draft")

    trail = pages(client, f"/api/executions/{run}/audit")

    assert [row["event"] for row in trail] == [
        "execution.started",
        "phase.claimed",
        "phase.done",
        "checkpoint.opened",
    ]
    assert trail[0]["actor"]["id"] == "loopback"
    assert [row["seq"] for row in trail] == sorted(row["seq"] for row in trail)
    assert all(len(row["hash"]) == 64 for row in trail)


def test_the_result_is_markdown_and_missing_until_the_execution_has_completed(
    service: Service, client: TestClient, api: Api
) -> None:
    run = start(api, "a birthday", crew="note")
    early = client.get(f"/api/executions/{run}/result")
    assert early.status_code == 409
    assert "pending" in early.json()["detail"]
    service.run_phase("# Bees\n\nThey fly.")

    answer = client.get(f"/api/executions/{run}/result")

    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.text == "# Bees\n\nThey fly."


@pytest.mark.parametrize("path", ["", "/audit", "/result", "/events", "/cancel", "/retry"])
def test_an_execution_that_is_unknown_is_404_everywhere(client: TestClient, path: str) -> None:
    url = f"/api/executions/6e0c3f4e-0000-0000-0000-000000000000{path}"
    answer = client.post(url, json={}) if path in ("/cancel", "/retry") else client.get(url)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
