"""Messages survive the pipe, and what is none is refused whatever a crew writes into it."""

from __future__ import annotations

import json

import pytest

from crew_runner.child.messages import (
    Answer,
    BadMessage,
    CrewDescription,
    Done,
    Failed,
    FromChild,
    FromWorker,
    Job,
    Phases,
    Progress,
    QuestionAsked,
    QuestionWithdrawn,
    Ready,
    TaskProgress,
    from_child,
    from_worker,
    to_child,
    to_worker,
)
from crew_runner.child.records import (
    Action,
    Budget,
    CrewKind,
    Failure,
    Feedback,
    Pause,
    PhaseDefinition,
    PhaseOutput,
    Question,
    QuestionKind,
    Resume,
    TaskResult,
)

PHASES = (PhaseDefinition("planning", ("plan", "check")),)
OUTPUT = PhaseOutput(
    "A plan 😀",
    (TaskResult("plan", "Planner", "A plan", {"raw": ["a", {"b": None}, 1.5]}),),
    {"gpt": {"calls": 1}},
    Pause("gate", "Publish?", ("yes", "no"), "no", {"state": {"x": [1]}}),
)
RESUME = Resume(Pause("gate"), Feedback(Action.SKIP, "words", "yes"))


@pytest.mark.parametrize(
    "message",
    [
        Ready(),
        CrewDescription(PHASES, (("plan", "planning", "Review"),), ("gate",)),
        Progress((TaskProgress("plan", "Planner", "running"),), "search", {"gpt": {"calls": 1}}),
        QuestionAsked(Question(QuestionKind.TOOL, "refund", "key", "May it?", "49 euros")),
        QuestionWithdrawn(),
        Done(OUTPUT),
        Failed(Failure("It failed.", "Traceback", retryable=False)),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_a_child_says_reaches_its_worker_as_it_was(message: FromChild) -> None:
    assert from_child(to_worker(message)) == message


@pytest.mark.parametrize(
    "message",
    [
        Job(
            CrewKind.CREW,
            "some.where:Crew",
            phases=PHASES,
            phase="planning",
            inputs={"message": "a campaign"},
            done=(("planning", OUTPUT),),
            previous=OUTPUT,
            feedback="shorter",
            resume=RESUME,
            budget=Budget(500, 1.5),
            model_calls=7,
        ),
        Phases(PHASES, "planning", ("planning",)),
        Answer(Action.REVISE, "words"),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_a_worker_says_reaches_its_child_as_it_was(message: FromWorker) -> None:
    assert from_worker(to_child(message)) == message


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"hello",
        b"{}",
        b"[]",
        b"null",
        b'{"message": "done"}',
        b'{"message": "shutdown"}',
        b'{"message": "done", "output": "a plan"}',
        b'{"message": "done", "output": {"output": 5}}',
        b'{"message": "progress", "tasks": [{"task": "a", "agent": "b", "state": "dancing"}]}',
        b'{"message": "asked", "question": {"kind": "phase", "name": "a", "key": "b", '
        b'"message": "c"}}',
        b'{"message": "answer", "action": "continue"}',
        b'\xff{"message": "ready"}',
    ],
)
def test_a_message_of_another_shape_is_refused(raw: bytes) -> None:
    with pytest.raises(BadMessage):
        from_child(raw)


def test_a_refusal_quotes_nothing_of_the_message() -> None:
    with pytest.raises(BadMessage) as refused:
        from_child(b'{"message": "done", "output": "sk-secret"}')

    assert "sk-secret" not in str(refused.value)


def test_a_child_takes_no_message_of_another_child() -> None:
    with pytest.raises(BadMessage):
        from_worker(to_worker(Ready()))


def test_half_a_surrogate_pair_in_a_crews_text_loses_no_message() -> None:
    saved = {"raw": ["half \ud83d", {"\udc00": "x"}], "count": 3}
    output = PhaseOutput("half \ud83d pair 😀", (TaskResult("plan", "", "", saved),))

    read = from_child(to_worker(Done(output)))

    assert isinstance(read, Done)
    assert read.output.output == "half \ufffd pair 😀"
    assert read.output.tasks[0].saved == {"raw": ["half \ufffd", {"\ufffd": "x"}], "count": 3}


def test_progress_is_stored_as_json_that_holds_tasks_and_tool() -> None:
    progress = Progress((TaskProgress("plan", "Planner", "done"),), "search", {"gpt": {}})

    assert json.loads(json.dumps(progress.as_json())) == {
        "tasks": [{"task": "plan", "agent": "Planner", "state": "done"}],
        "tool": "search",
    }


@pytest.mark.parametrize(
    ("feedback", "previous", "revising"),
    [("shorter", OUTPUT, True), ("", OUTPUT, False), ("shorter", None, False)],
)
def test_a_job_revises_if_it_has_words_and_something_to_revise(
    feedback: str, previous: PhaseOutput | None, revising: bool
) -> None:
    assert Job(CrewKind.CREW, feedback=feedback, previous=previous).revising is revising
