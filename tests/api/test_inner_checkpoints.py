"""Gates, questions and tool calls decided through REST; and the crews' limits."""

from __future__ import annotations

from typing import Any

import pytest

from storage.records import Action, CheckpointKind, Claim, Pause, PhaseOutput, Question
from tests.api.conftest import Api, Service

QUESTION = Question(CheckpointKind.QUESTION, "ask", "ask:1", "Which town?")
TOOL = Question(CheckpointKind.TOOL, "search", "search:1", "May it search?", shown='{"q": "bikes"}')


def feedback(api: Api, checkpoint: Any, **fields: object) -> Any:
    return api.http.post(
        "/api/crew/feedback",
        json={
            "execution_id": checkpoint["execution_id"],
            "checkpoint_id": checkpoint["checkpoint_id"],
            **fields,
        },
    )


@pytest.fixture
def at_gate(api: Api, service: Service) -> Any:
    """The checkpoint of a flow that waits at a gate."""
    run = api.execute(crew="flow")["execution_id"]
    claim = service.state.record_phases(service.claim(), ["start"])
    pause = Pause("review", "Is it good?", ("approved", "needs_work"), "needs_work")
    service.state.phase_done(claim, PhaseOutput("a draft", pause=pause))
    return api.checkpoint(run)


def asking(api: Api, service: Service, question: Question) -> tuple[Any, Claim]:
    """The checkpoint of a flow that asks this, and its claim."""
    run = api.execute(crew="flow")["execution_id"]
    claim = service.state.record_phases(service.claim(), ["start"])
    service.state.ask(claim, question)
    return api.checkpoint(run), claim


def test_a_gate_lists_its_outcomes_and_accepts_one(
    at_gate: Any, api: Api, service: Service
) -> None:
    assert (at_gate["kind"], at_gate["outcomes"]) == ("gate", ["approved", "needs_work"])

    answer = feedback(
        api, at_gate, action="continue", outcome="approved", feedback="but name the prices"
    )

    assert answer.status_code == 200
    resume = service.claim().resume
    assert resume is not None
    assert (resume.feedback.outcome, resume.feedback.text) == ("approved", "but name the prices")


@pytest.mark.parametrize("outcome", [None, "splendid"])
def test_a_gate_refuses_another_outcome_and_lists_its_own(
    at_gate: Any, api: Api, outcome: str | None
) -> None:
    answer = feedback(api, at_gate, action="continue", outcome=outcome)

    assert answer.status_code == 400
    assert "outcome must be one of 'approved', 'needs_work'" in answer.json()["detail"]
    assert api.status(at_gate["execution_id"])["status"] == "waiting_feedback"


def test_a_second_outcome_is_a_conflict_that_names_the_first(at_gate: Any, api: Api) -> None:
    feedback(api, at_gate, action="continue", outcome="approved")

    answer = feedback(api, at_gate, action="continue", outcome="needs_work")

    assert answer.status_code == 409
    assert "already continued with outcome 'approved'" in answer.json()["detail"]


def test_a_usual_checkpoint_is_of_kind_phase(api: Api, service: Service) -> None:
    run = api.execute()["execution_id"]
    service.run_phase()

    checkpoint = api.checkpoint(run)

    assert (checkpoint["kind"], checkpoint["outcomes"]) == ("phase", [])


def test_a_checkpoint_lists_what_can_be_decided(at_gate: Any, api: Api, service: Service) -> None:
    assert at_gate["actions"] == ["continue", "revise", "stop", "skip"]
    question, _ = asking(api, service, QUESTION)
    assert question["actions"] == ["continue", "stop", "skip"]


def test_a_question_is_answered_with_the_feedbacks_text(api: Api, service: Service) -> None:
    checkpoint, _ = asking(api, service, QUESTION)
    assert (checkpoint["kind"], checkpoint["description"]) == ("question", "Which town?")

    for empty in (None, "", "  "):
        refused = feedback(api, checkpoint, action="continue", feedback=empty)
        assert refused.status_code == 400
        assert "the answer" in refused.json()["detail"]
    assert feedback(api, checkpoint, action="continue", feedback="Ghent").status_code == 200

    answer = service.reads.checkpoint(checkpoint["checkpoint_id"]).feedback
    assert answer is not None
    assert (answer.action, answer.text) == (Action.CONTINUE, "Ghent")
    again = feedback(api, checkpoint, action="continue")
    assert again.status_code == 409


def test_a_tool_call_shows_its_arguments_and_is_refused_with_a_reason(
    api: Api, service: Service
) -> None:
    checkpoint, claim = asking(api, service, TOOL)
    assert (checkpoint["kind"], checkpoint["checkpoint_name"]) == ("tool", "search")
    assert checkpoint["context"]["output"] == '{"q": "bikes"}'

    assert feedback(api, checkpoint, action="revise", feedback="not that").status_code == 200

    assert api.status(checkpoint["execution_id"])["status"] == "running"
    service.state.phase_done(claim, PhaseOutput("done"))
    assert api.status(checkpoint["execution_id"])["status"] == "completed"


@pytest.mark.parametrize(
    ("crew", "detail"),
    [
        ("one_at_once", "may run 1 at once"),
        ("one_per_client", "1 of crew 'one_per_client' at once for each client"),
        ("one_per_hour", "may be started 1x an hour"),
    ],
)
def test_a_start_beyond_a_limit_is_too_many_requests(
    api: Api, service: Service, crew: str, detail: str
) -> None:
    api.execute(crew=crew)

    answer = api.http.post("/api/crew/execute", json={"message": "m", "crew": crew})

    assert answer.status_code == 429
    assert detail in answer.json()["detail"]
    assert len(service.reads.executions()) == 1
    assert api.execute(crew="plan")["status"] == "pending"


def test_a_revision_beyond_the_limit_is_a_conflict_and_the_checkpoint_still_waits(
    api: Api, service: Service
) -> None:
    run = api.execute(crew="one_revision")["execution_id"]
    service.run_phase()
    api.decide(api.checkpoint(run), "revise", "shorter")
    service.run_phase()

    answer = api.decide(api.checkpoint(run), "revise", "shorter still")

    assert answer.status_code == 409
    assert "limits the revisions of a phase to 1" in answer.json()["detail"]
    assert api.decide(api.checkpoint(run), "continue").status_code == 200


def test_the_schema_says_that_a_start_may_exceed_a_limit(api: Api) -> None:
    start = api.http.get("/openapi.json").json()["paths"]["/api/crew/execute"]["post"]

    assert "429" in start["responses"]
