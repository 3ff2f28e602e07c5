"""What a child watches while its phase runs: its model calls and its budget."""

from __future__ import annotations

import pytest

from crew_runner.child.messages import Answer, Failed, FromChild, Job, Progress, QuestionAsked
from crew_runner.child.monitoring import run_limits
from crew_runner.child.records import Action, Budget, CrewKind, Question, QuestionKind

HUNDRED = {"gpt": {"calls": 1, "total_tokens": 100}}


class Ended(BaseException):
    """Stands in for the end of the process, which the worker brings about."""


class Worker:
    """The other end of the line: writes down what it is sent, and says yes to every question."""

    def __init__(self) -> None:
        self.received: list[FromChild] = []

    def send(self, message: FromChild) -> None:
        self.received.append(message)
        if isinstance(message, Failed):
            raise Ended

    def ask(self, question: Question, *, seconds: float | None = None) -> Answer:
        self.received.append(QuestionAsked(question))
        return Answer(Action.CONTINUE, f"within {seconds}")

    @property
    def questions(self) -> list[str]:
        return [each.question.key for each in self.received if isinstance(each, QuestionAsked)]


def watching(worker: Worker, **job: object) -> run_limits.RunLimits:
    return run_limits.RunLimits(Job(CrewKind.CREW, **job), worker)  # type: ignore[arg-type]  # by name


def test_a_phase_makes_as_many_model_calls_as_its_limit_and_ends_at_the_next() -> None:
    worker = Worker()
    watch = watching(worker, model_calls=2)
    watch.before_model_call()
    watch.before_model_call()
    assert worker.received == []

    with pytest.raises(Ended):
        watch.before_model_call()

    (failed,) = worker.received
    assert isinstance(failed, Failed)
    assert "limit of 2" in failed.failure.message
    assert not failed.failure.retryable


def test_without_limits_nobody_is_asked() -> None:
    worker = Worker()
    watch = watching(worker, spent=HUNDRED)
    watch.before_phase()
    for _ in range(100):
        watch.before_model_call()

    assert worker.received == []


def test_a_phase_over_its_budget_does_not_begin_unasked() -> None:
    worker = Worker()

    watching(worker, budget=Budget(tokens=100), spent=HUNDRED).before_phase()

    assert worker.questions == ["budget:0"]


def test_what_this_phase_used_counts_with_what_was_spent_before() -> None:
    worker = Worker()
    watch = watching(worker, budget=Budget(tokens=150), spent=HUNDRED)
    watch.before_model_call()
    assert worker.questions == []

    watch.report(Progress((), usage=HUNDRED))
    watch.before_model_call()
    watch.before_model_call()

    assert worker.questions == ["budget:0"]


def test_each_yes_lasts_until_as_much_again_is_used() -> None:
    worker = Worker()
    watch = watching(worker, budget=Budget(tokens=100), raises=1)
    for used in (199, 200, 299, 300):
        watch.report(Progress((), usage={"gpt": {"total_tokens": used}}))
        watch.before_model_call()

    assert worker.questions == ["budget:1", "budget:2"]


def test_a_crew_asked_over_two_bounds_at_once_answers_for_each() -> None:
    worker = Worker()
    unpriced = {"own": {"calls": 1, "total_tokens": 100}}

    watching(worker, budget=Budget(tokens=100, dollars=1.0), spent=unpriced).before_phase()

    first, second = worker.questions
    assert first.startswith("price:")
    assert second == "budget:1"


def test_progress_and_questions_go_to_the_worker_as_they_are() -> None:
    worker = Worker()
    watch = watching(worker)
    progress = Progress((), tool="search")
    question = Question(QuestionKind.TOOL, "refund", "key", "May it?")

    watch.report(progress)
    answer = watch.ask(question, seconds=5.0)

    assert worker.received == [progress, QuestionAsked(question)]
    assert answer == Answer(Action.CONTINUE, "within 5.0")
