"""The bodies of REST requests and responses, and their conversion from records."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest
from pydantic import ValidationError

from bot.api import bodies
from bot.api.bodies import ExecuteBody, FeedbackBody
from storage.definitions import CrewDefinition, CrewKind
from storage.records import (
    Action,
    CheckpointKind,
    Counts,
    Feedback,
    OutputFile,
    PhaseOutput,
    PhaseRun,
    TaskResult,
    Usage,
)
from storage.states import CheckpointState, ExecutionState, PhaseRunState
from tests.slack.test_render import a_checkpoint, a_run, an_execution
from tests.support.factories import BEN, NOON

PRICED: Usage = {"gpt": {"calls": 1, "prompt_tokens": 90, "microdollars": 1_500_000}}
UNPRICED: Usage = {"llama": {"calls": 1, "prompt_tokens": 10, "uncounted_calls": 1}}


def a_done_run(index: int, phase: str, text: str, used: Usage | None = None) -> PhaseRun:
    output = PhaseOutput(text, (TaskResult(f"{phase}_task", "Writer", text),))
    return replace(a_run(index, phase, PhaseRunState.DONE), output=output, usage=used or {})


@pytest.mark.parametrize(
    ("sent", "user_input", "message"),
    [
        ({"message": " a plan "}, "a plan", "a plan"),
        ({"user_input": "a plan"}, "a plan", "a plan"),
        ({"user_input": "a plan", "message": "soon"}, "a plan", "soon"),
        ({"user_input": " ", "message": "soon"}, "soon", "soon"),
    ],
)
def test_message_and_user_input_fill_each_other(
    sent: dict[str, str], user_input: str, message: str
) -> None:
    request = ExecuteBody.model_validate(sent).request()

    assert request is not None
    assert (request.user_input, request.message) == (user_input, message)


@pytest.mark.parametrize("sent", [{}, {"message": " "}, {"user_input": "", "language": "German"}])
def test_blank_texts_are_no_request(sent: dict[str, str]) -> None:
    assert ExecuteBody.model_validate(sent).request().text == ""


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        ({"message": 5}, "message: input should be a valid string"),
        ({"message": "x" * 100_001}, "message: string should have at most 100000 characters"),
        ({"message": "a\x00b"}, "message: it holds characters that cannot be stored"),
        ({"message": "half \ud83d"}, "message: input should be a valid string"),
        ({"message": "x", "language": "x" * 101}, "language: string should have at most 100"),
        ({"message": "x", "checkpoints": "none"}, "checkpoints: input should be a valid list"),
        ({"message": "x", "checkpoints": [5]}, "checkpoints.0: input should be a valid string"),
    ],
)
def test_an_invalid_body_is_described_in_one_sentence_that_names_the_field(
    sent: dict[str, object], problem: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        ExecuteBody.model_validate(sent)

    assert bodies.problem(refused.value.errors()).startswith(problem)


def test_every_missing_field_is_named() -> None:
    with pytest.raises(ValidationError) as refused:
        FeedbackBody.model_validate({"action": "continue"})

    assert bodies.problem(refused.value.errors()) == (
        "execution_id is needed; checkpoint_id is needed"
    )


def test_a_status_names_the_current_and_the_completed_checkpoints() -> None:
    states = [
        CheckpointState.APPROVED,
        CheckpointState.REVISED,
        CheckpointState.SKIPPED,
        CheckpointState.EXPIRED,
        CheckpointState.CANCELLED,
        CheckpointState.PENDING,
    ]
    checkpoints = [replace(a_checkpoint(state=state), id=state.value) for state in states]

    status = bodies.status(an_execution(), checkpoints, [])

    assert status.status == "waiting_feedback"
    assert status.current_checkpoint == "pending"
    assert status.completed_checkpoints == ["approved", "skipped", "expired"]
    assert status.result is None


def test_a_result_has_the_last_text_and_the_last_accepted_tasks_of_every_phase() -> None:
    runs = [
        a_done_run(1, "analysis", "an analysis"),
        a_done_run(0, "planning", "first plan"),
        a_done_run(0, "planning", "second plan"),
        a_run(1, "analysis", PhaseRunState.FAILED),
    ]

    result = bodies.status(
        an_execution(ExecutionState.COMPLETED, result="the end"), [], runs
    ).result

    assert result is not None
    assert (result.status, result.output) == ("complete", "the end")
    assert [(t.task, t.output) for t in result.task_outputs] == [
        ("planning_task", "second plan"),
        ("analysis_task", "an analysis"),
    ]


def test_usage_is_reported_in_total_by_phase_and_by_model() -> None:
    runs = [
        a_done_run(0, "planning", "a plan", PRICED),
        a_done_run(1, "analysis", "an analysis", UNPRICED),
        a_done_run(2, "finalization", "the end"),
    ]

    usage = bodies.status(an_execution(), [], runs).usage

    assert (usage.tokens, usage.at_least, usage.cost) == (100, True, 1.5)
    assert usage.price_unknown == ["llama"]
    assert [(p.phase, p.tokens, p.cost) for p in usage.by_phase] == [
        ("planning", 90, 1.5),
        ("analysis", 10, None),
    ]
    assert [(m.model, m.tokens, m.at_least) for m in usage.by_model] == [
        ("gpt", 90, False),
        ("llama", 10, True),
    ]


def test_a_checkpoint_says_what_to_review_who_may_decide_and_until_when() -> None:
    checkpoint = a_checkpoint("a plan", revision=2, asked="shorter", tasks=("plan",))

    body = bodies.checkpoint(checkpoint)

    assert (body.checkpoint_name, body.phase, body.kind) == ("after_planning", "planning", "phase")
    assert (body.context.output, body.context.revision) == ("a plan", 2)
    assert body.context.feedback == "shorter"
    assert [task.task for task in body.context.task_outputs] == ["plan"]
    assert (body.status, body.approvers) == ("pending", ["@channel"])
    assert body.created_at == "2026-03-02T12:00:00Z"
    assert (body.deadline, body.on_timeout) == ("2026-03-02T13:00:00Z", "stop")


def test_a_checkpoint_without_a_deadline_has_no_timeout() -> None:
    body = bodies.checkpoint(replace(a_checkpoint(), deadline=None))

    assert (body.deadline, body.on_timeout, body.context.feedback) == (None, None, None)


def test_times_are_in_utc() -> None:
    tokyo = NOON.astimezone(timezone(timedelta(hours=9)))

    body = bodies.checkpoint(replace(a_checkpoint(), created_at=tokyo))

    assert body.created_at == "2026-03-02T12:00:00Z"


def test_a_gate_lists_its_outcomes() -> None:
    gate = replace(
        a_checkpoint(
            state=CheckpointState.APPROVED,
            feedback=Feedback(Action.CONTINUE, "", BEN, NOON, outcome="yes"),
        ),
        kind=CheckpointKind.GATE,
        outcomes=("yes", "no"),
    )

    assert (bodies.checkpoint(gate).kind, bodies.checkpoint(gate).outcomes) == (
        "gate",
        ["yes", "no"],
    )


def test_a_checkpoint_lists_the_files_of_its_phase() -> None:
    listed = (OutputFile("out/report.md", 2100), OutputFile("huge.csv", 10**9, kept=False))
    record = a_checkpoint()

    body = bodies.checkpoint(replace(record, output=replace(record.output, files=listed)))

    assert [file.model_dump() for file in body.files] == [
        {"path": "out/report.md", "size": 2100, "kept": True, "deleted": False},
        {"path": "huge.csv", "size": 1_000_000_000, "kept": False, "deleted": False},
    ]


def test_health_has_the_counts() -> None:
    assert bodies.health(Counts(2, 3)).model_dump() == {
        "status": "healthy",
        "active_executions": 2,
        "pending_checkpoints": 3,
    }


def test_a_typed_output_comes_with_its_structure_and_no_other_does() -> None:
    tasks = (
        TaskResult("count", "Clerk", "Seven.", structured='{"shops": 8}'),
        TaskResult("tell", "Writer", "a tale"),
    )
    record = replace(a_checkpoint(), output=PhaseOutput("a tale", tasks))

    outputs = bodies.checkpoint(record).model_dump()["context"]["task_outputs"]

    assert outputs == [
        {"task": "count", "agent": "Clerk", "output": "Seven.", "structured": {"shops": 8}},
        {"task": "tell", "agent": "Writer", "output": "a tale"},
    ]


def test_a_checkpoint_of_a_crew_without_revisions_does_not_offer_one() -> None:
    record, crew = a_checkpoint(), CrewDefinition("note", CrewKind.COMMAND)
    assert "revise" in bodies.checkpoint(record, crew).actions
    fixed = bodies.checkpoint(record, replace(crew, revise=False))
    assert fixed.actions == ["continue", "stop", "skip"]
