"""CrewAI AMP's API below /amp, on a real database. The tests do the worker's part."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from storage.definitions import CrewInput
from storage.records import CheckpointKind, Question
from tests.api.amp.conftest import Amp, at_gate
from tests.api.conftest import Service


@pytest.fixture
def waiting(amp: Amp, service: Service) -> str:
    """An execution of which a person is asked about the first of three tasks."""
    kickoff_id = amp.kickoff()
    service.run_phase()
    return kickoff_id


def test_the_status_says_how_far_a_crew_is_until_its_result_is_there(
    amp: Amp, service: Service
) -> None:
    kickoff_id = amp.kickoff()
    assert amp.status(kickoff_id) == {
        "status": "running",
        "current_task": "draft_task",
        "progress": {"completed_tasks": 0, "total_tasks": 3},
    }

    service.run_phase()
    asked = amp.status(kickoff_id)
    assert (asked["status"], asked["current_task"]) == ("pending_human_input", "draft_task")
    assert asked["progress"] == {"completed_tasks": 0, "total_tasks": 3}

    assert amp.resume(kickoff_id, "draft_task", "good").json()["status"] == "resumed"
    working = amp.status(kickoff_id)
    assert (working["status"], working["current_task"]) == ("running", "check_task")
    assert working["progress"]["completed_tasks"] == 1

    service.run_phase()
    amp.resume(kickoff_id, "check_task", "")
    service.run_phase("the plan")
    done = amp.status(kickoff_id)
    assert (done["status"], done["result"]["output"]) == ("completed", "the plan")
    assert [(each["task_id"], each["agent"]) for each in done["result"]["tasks"]] == [
        ("draft_task", "writer"),
        ("check_task", "writer"),
        ("end_task", "writer"),
    ]
    times = [each["execution_time"] for each in done["result"]["tasks"]]
    assert done["execution_time"] == pytest.approx(sum(times), abs=0.01)


def test_a_rejection_runs_the_task_again_with_the_words(
    amp: Amp, service: Service, waiting: str
) -> None:
    answer = amp.resume(waiting, "draft_task", "name the prices", is_approve=False)

    assert answer.json()["status"] == "retrying"
    claim = service.run_phase()
    assert (claim.run.revision, claim.run.feedback) == (2, "name the prices")
    assert amp.status(waiting)["status"] == "pending_human_input"


@pytest.mark.parametrize("name", ["draft_task", "after_draft", "draft"])
def test_a_checkpoint_is_named_by_its_task_itself_or_its_phase(
    amp: Amp, waiting: str, name: str
) -> None:
    assert amp.resume(waiting, name, "").status_code == 200


@pytest.mark.parametrize(
    ("task", "code"), [("check_task", 409), ("end", 404), ("draft_tusk", 404), ("", 404)]
)
def test_a_task_that_does_not_wait_is_not_resumed(
    amp: Amp, waiting: str, task: str, code: int
) -> None:
    answer = amp.resume(waiting, task, "")

    assert answer.status_code == code
    assert set(answer.json()) == {"error", "message", "details"}
    assert amp.status(waiting)["status"] == "pending_human_input"


def test_a_task_that_was_resumed_does_not_wait_any_more(amp: Amp, waiting: str) -> None:
    assert amp.resume(waiting, "draft_task", "").status_code == 200

    assert amp.resume(waiting, "draft_task", "").status_code == 409
    assert amp.resume(waiting, "after_draft", "").status_code == 409


def test_an_approval_of_another_output_than_was_seen_decides_nothing(
    amp: Amp, waiting: str
) -> None:
    answer = amp.resume(waiting, "draft_task", "", output_hash="0" * 64)

    assert answer.status_code == 409
    assert amp.status(waiting)["status"] == "pending_human_input"


def test_a_rejection_without_words_is_refused(amp: Amp, waiting: str) -> None:
    answer = amp.resume(waiting, "draft_task", " ", is_approve=False)

    assert (answer.status_code, answer.json()["error"]) == (422, "Validation Error")


@pytest.mark.parametrize(
    ("words", "approves", "outcome"),
    [
        ("needs_work", True, "needs_work"),
        ("Approved. Well done!", False, "approved"),
        ("it may go out", True, "approved"),
        ("", True, "approved"),
        ("", False, "rejected"),
        ("name the prices", False, None),
    ],
)
def test_a_gate_gets_the_outcome_that_is_named_or_the_only_one_that_is_meant(
    service: Service, client: TestClient, words: str, approves: bool, outcome: str | None
) -> None:
    amp, kickoff_id = at_gate(service, client, "approved", "rejected", "needs_work")

    answer = amp.resume(kickoff_id, "review", words, is_approve=approves)

    assert answer.status_code == 200, answer.text
    resume = service.claim().resume
    assert resume is not None
    assert (resume.feedback.outcome, resume.feedback.text) == (outcome, words)


def test_an_approval_that_could_mean_several_outcomes_is_told_which(
    service: Service, client: TestClient
) -> None:
    amp, kickoff_id = at_gate(service, client, "publish", "approve")

    answer = amp.resume(kickoff_id, "review", "it is fine")

    assert answer.status_code == 422
    assert answer.json()["details"] == {"emit": ["publish", "approve"]}
    assert amp.resume(kickoff_id, "review", "", outcome="publish").status_code == 200


def test_a_question_is_answered_with_the_words(service: Service, client: TestClient) -> None:
    amp = Amp(client, "flow")
    kickoff_id = amp.kickoff(inputs={"topic": "bikes"})
    claim = service.state.record_phases(service.claim(), ["start"])
    asked = service.state.ask(
        claim, Question(CheckpointKind.QUESTION, "ask", "ask:1", "Which town?")
    )
    assert amp.status(kickoff_id)["current_task"] == "ask"

    assert amp.resume(kickoff_id, "ask", "Ghent").status_code == 200
    answered = service.reads.checkpoint(asked.id).feedback
    assert answered is not None
    assert answered.text == "Ghent"


def test_a_failure_and_a_stop_end_the_polling_with_their_reason(
    amp: Amp, service: Service, waiting: str
) -> None:
    stopped = amp.post(f"/stop/{waiting}")

    assert stopped.json() == {"status": "stopped", "kickoffId": waiting}
    status = amp.status(waiting)
    assert (status["status"], status["error"]) == (
        "error",
        "The execution was cancelled by unauthenticated loopback",
    )
    assert amp.post(f"/stop/{waiting}").status_code == 400


def test_the_inputs_are_those_that_somebody_has_to_say(
    service: Service, client: TestClient
) -> None:
    service.examine("launch", CrewInput("company"), CrewInput("current_year"), CrewInput("market"))

    assert Amp(client, "launch").get("/inputs").json() == {"inputs": ["company", "market"]}
    assert Amp(client).get("/inputs").json() == {"inputs": ["user_input"]}


def test_missing_inputs_are_listed_and_others_ignored(service: Service, client: TestClient) -> None:
    service.examine("launch", CrewInput("company"), CrewInput("market"))
    amp = Amp(client, "launch")

    answer = amp.post("/kickoff", inputs={"company": "Acme"})
    assert answer.status_code == 422
    assert answer.json() == {
        "error": "Validation Error",
        "message": "Missing required inputs: market",
        "details": {"missing_inputs": ["market"]},
    }

    inputs = {"company": "Acme", "market": "bikes", "taskWebhookUrl": "https://a.example"}
    kickoff_id = amp.kickoff(inputs=inputs)
    values = service.reads.execution(kickoff_id).request.values
    assert (values["company"], values["market"]) == ("Acme", "bikes")
    assert "taskWebhookUrl" not in values


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/amp/nothing/inputs", 404),
        ("GET", "/amp/plan/status/nothing", 404),
        ("GET", "/amp/plan/nothing", 404),
        ("PUT", "/amp/plan/kickoff", 405),
        ("POST", "/amp/plan/kickoff", 422),
        ("POST", "/amp/plan/resume", 422),
        ("POST", "/amp/plan/human_feedback_requests/x/respond", 422),
    ],
)
def test_every_error_has_amps_shape(client: TestClient, method: str, path: str, code: int) -> None:
    answer = client.request(method, path, json={})

    assert answer.status_code == code
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"error", "message", "details"}


def test_what_the_middlewares_refuse_has_amps_shape_too(client: TestClient) -> None:
    answer = client.post("/amp/plan/kickoff", content=b"{}", headers={"Host": "evil.example"})

    assert (answer.status_code, set(answer.json())) == (403, {"error", "message", "details"})


def test_an_execution_belongs_to_the_crew_in_the_path(amp: Amp, waiting: str) -> None:
    other = Amp(amp.http, "note")

    assert other.get(f"/status/{waiting}").status_code == 404
    assert other.resume(waiting, "draft_task", "").status_code == 404
    assert amp.get("").text == "Healthy"


def test_the_openapi_document_says_what_amps_clients_send_and_get(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()

    kickoff = schema["paths"]["/amp/{crew}/kickoff"]["post"]
    assert {"401", "404", "422"} <= kickoff["responses"].keys()
    body = schema["components"]["schemas"]["KickoffBody"]
    assert {"taskWebhookUrl", "humanInputWebhook"} <= body["properties"].keys()
    assert body["required"] == ["inputs"]
    assert "HTTPValidationError" not in str(schema)


def test_a_repeated_kickoff_with_the_same_key_starts_one_execution(client: TestClient) -> None:
    headers, body = {"Idempotency-Key": "k-1"}, {"inputs": {"user_input": "a campaign"}}

    answers = [client.post("/amp/plan/kickoff", json=body, headers=headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
