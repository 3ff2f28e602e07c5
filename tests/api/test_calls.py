"""A run through REST, from its start to its result."""

from __future__ import annotations

from datetime import datetime

from tests.api.conftest import Api, Service


def test_a_started_run_is_pending_with_nothing_decided(api: Api) -> None:
    started = api.execute(message="a summer campaign")

    assert started["status"] == "pending"
    assert started["current_checkpoint"] is None
    assert started["completed_checkpoints"] == []
    assert started["result"] is None
    assert started["error"] is None
    assert api.status(started["execution_id"]) == started


def test_a_checkpoint_shows_the_output_and_waits(api: Api, service: Service) -> None:
    run = api.execute()["execution_id"]
    service.run_phase("the draft")

    checkpoint = api.checkpoint(run)

    assert api.status(run)["status"] == "waiting_feedback"
    assert api.status(run)["current_checkpoint"] == checkpoint["checkpoint_id"]
    assert checkpoint["checkpoint_name"] == "after_draft"
    assert checkpoint["description"] == "Read the draft"
    assert checkpoint["status"] == "pending"
    assert checkpoint["context"] == {
        "output": "the draft",
        "task_outputs": [{"task": "draft_task", "agent": "writer", "output": "the draft"}],
        "revision": 1,
        "feedback": None,
    }
    assert checkpoint["created_at"].endswith("Z")
    created = datetime.fromisoformat(checkpoint["created_at"])
    deadline = datetime.fromisoformat(checkpoint["deadline"])
    assert (deadline - created).total_seconds() == 3600


def test_a_run_that_is_approved_everywhere_returns_every_phases_outputs(
    api: Api, service: Service
) -> None:
    run = api.execute()["execution_id"]
    decided = []
    for _ in range(2):
        service.run_phase()
        checkpoint = api.checkpoint(run)
        decided.append(checkpoint["checkpoint_id"])
        received = api.decide(checkpoint, "continue")
        assert received.status_code == 200
        assert received.json() == {
            "status": "feedback_received",
            "action": "continue",
            "execution_id": run,
            "checkpoint_id": checkpoint["checkpoint_id"],
        }
    service.run_phase()

    status = api.status(run)

    assert status["status"] == "completed"
    assert status["completed_checkpoints"] == decided
    assert status["current_checkpoint"] is None
    assert status["result"]["output"] == "end done, revision 1"
    assert [out["task"] for out in status["result"]["task_outputs"]] == [
        "draft_task",
        "check_task",
        "end_task",
    ]


def test_a_revision_shows_its_feedback_and_a_revised_checkpoint_is_not_completed(
    api: Api, service: Service
) -> None:
    run = api.execute()["execution_id"]
    service.run_phase()
    first = api.checkpoint(run)

    assert api.decide(first, "revise", "shorter, please").status_code == 200
    assert service.run_phase().run.feedback == "shorter, please"
    second = api.checkpoint(run)

    assert second["checkpoint_id"] != first["checkpoint_id"]
    assert second["context"]["revision"] == 2
    assert second["context"]["feedback"] == "shorter, please"
    assert api.status(run)["completed_checkpoints"] == []
    api.decide(second, "skip")
    assert api.status(run)["completed_checkpoints"] == [second["checkpoint_id"]]


def test_stop_stops_the_run(api: Api, service: Service) -> None:
    run = api.execute()["execution_id"]
    service.run_phase()

    api.decide(api.checkpoint(run), "stop")

    assert api.status(run)["status"] == "stopped"
    assert service.state.claim("tests") is None


def test_a_checkpoint_that_is_left_out_does_not_pause_the_run(api: Api, service: Service) -> None:
    run = api.execute(checkpoints=["before_end"])["execution_id"]
    service.run_phase()

    assert api.status(run)["status"] == "running"
    service.run_phase()
    assert api.checkpoint(run)["checkpoint_name"] == "before_end"


def test_user_input_and_message_fill_each_other(api: Api, service: Service) -> None:
    run = api.execute(message=None, user_input="a poem")["execution_id"]

    assert service.reads.execution(run).request.message == "a poem"


def test_unknown_fields_are_ignored(api: Api) -> None:
    assert api.execute(session_id="abc", stream=True)["status"] == "pending"


def test_the_crew_is_plan_if_none_is_named(api: Api, service: Service) -> None:
    assert service.reads.execution(api.execute()["execution_id"]).crew == "plan"
    assert service.reads.execution(api.execute(crew="note")["execution_id"]).crew == "note"


def test_the_requester_is_recorded_as_unauthenticated_loopback(api: Api, service: Service) -> None:
    run = api.execute()["execution_id"]

    assert service.reads.execution(run).requester.name == "unauthenticated loopback"


def test_health_counts_active_executions_and_pending_checkpoints(
    api: Api, service: Service
) -> None:
    assert api.http.get("/health").json() == {
        "status": "healthy",
        "active_executions": 0,
        "pending_checkpoints": 0,
    }
    api.execute()
    api.execute()
    service.run_phase()

    assert api.http.get("/health").json() == {
        "status": "healthy",
        "active_executions": 2,
        "pending_checkpoints": 1,
    }


def test_the_root_says_what_this_is(api: Api) -> None:
    root = api.http.get("/").json()

    assert root["name"] == "Countersign"
    assert root["version"] == "1.2.3"
    assert api.http.get(root["links"]["health"]).status_code == 200
    assert api.http.get(root["links"]["openapi"]).status_code == 200
