"""Checkpoints inside a crew: a flow's gates, and questions of a child that waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from storage.decisions import Decision, Reply
from storage.definitions import CrewDefinition, Limits, OnTimeout
from storage.errors import (
    LeaseLost,
    LimitReached,
    NoLesson,
    NoRule,
    NotOffered,
    OutcomeNeeded,
    TextNeeded,
)
from storage.outbox.outbox import Outbox
from storage.reads import Reads
from storage.records import (
    Action,
    Checkpoint,
    CheckpointKind,
    Claim,
    Failure,
    Pause,
    PhaseOutput,
    Question,
)
from storage.state_manager import StateManager
from storage.states import CheckpointState, ExecutionState
from tests.storage.conftest import Run
from tests.support.factories import ANA, BEN, SettableClock, asking, crew, output, rule


def a_flow(**changes: object) -> CrewDefinition:
    flow = replace(crew(phases=(), after=()), rule=rule())
    return replace(flow, **changes)  # type: ignore[arg-type]  # by name


def claimed(state: StateManager) -> Claim:
    claim = state.claim("worker")
    assert claim is not None, "no phase run was due"
    return claim


def paused(
    gate: str = "review", *, outcomes: tuple[str, ...] = (), default: str | None = None
) -> PhaseOutput:
    return PhaseOutput(
        output="a draft",
        pause=Pause(gate, "Is it good?", outcomes, default, saved={"state": {"round": 1}}),
    )


@pytest.fixture
def at_a_gate(run: Run, state: StateManager) -> Run:
    run.start(a_flow())
    claim = state.record_phases(claimed(state), ["start"])
    state.phase_done(claim, paused(outcomes=("good", "bad"), default="bad"))
    return run


def test_a_flow_pauses_at_its_gate_and_resumes_with_the_decision(
    at_a_gate: Run, state: StateManager
) -> None:
    gate = at_a_gate.waiting
    assert (gate.kind, gate.name, gate.outcomes) == (
        CheckpointKind.GATE,
        "review",
        ("good", "bad"),
    )

    state.decide(Decision(gate.id, Action.CONTINUE, BEN, "nice", outcome="good"))

    claim = claimed(state)
    assert claim.resume is not None
    assert claim.resume.pause.saved == {"state": {"round": 1}}
    assert (claim.resume.feedback.outcome, claim.resume.feedback.text) == ("good", "nice")
    assert at_a_gate.now.phases == ("start", "after review")
    assert state.phase_done(claim, output("the end")).state is ExecutionState.COMPLETED


def test_a_flow_may_reach_the_same_gate_again(at_a_gate: Run, state: StateManager) -> None:
    for _ in range(3):
        state.decide(Decision(at_a_gate.waiting.id, Action.CONTINUE, BEN, outcome="bad"))
        state.phase_done(claimed(state), paused(outcomes=("good", "bad")))

    assert at_a_gate.now.phases == ("start", *["after review"] * 3)
    assert at_a_gate.waiting.kind is CheckpointKind.GATE


def test_a_gate_with_outcomes_needs_one_of_them(at_a_gate: Run, state: StateManager) -> None:
    for outcome in (None, "splendid"):
        with pytest.raises(OutcomeNeeded):
            state.decide(Decision(at_a_gate.waiting.id, Action.CONTINUE, BEN, outcome=outcome))


def test_a_gates_deadline_takes_its_default_outcome(
    run: Run, state: StateManager, clock: SettableClock
) -> None:
    run.start(a_flow(rule=rule("@channel", on_timeout=OnTimeout.CONTINUE)))
    claim = state.record_phases(claimed(state), ["start"])
    state.phase_done(claim, paused(outcomes=("good", "bad"), default="bad"))
    clock.move(timedelta(hours=1))

    state.expire_due()

    resume = claimed(state).resume
    assert resume is not None
    assert resume.feedback.outcome == "bad"


def test_a_retry_resumes_from_the_same_pause(at_a_gate: Run, state: StateManager) -> None:
    state.decide(Decision(at_a_gate.waiting.id, Action.CONTINUE, BEN, outcome="good"))
    first = claimed(state)
    state.fail(first, Failure("The flow's class has changed.", retryable=False))

    state.retry(at_a_gate.id, actor=ANA)

    assert claimed(state).resume == first.resume


def test_a_gate_that_nobody_may_decide_is_refused(run: Run, state: StateManager) -> None:
    run.start(a_flow(rule=None))
    claim = state.record_phases(claimed(state), ["start"])

    with pytest.raises(NoRule):
        state.phase_done(claim, paused())


def a_question(key: str = "search:bikes") -> Question:
    return Question(
        CheckpointKind.TOOL, "search", key, "The agent wants to search.", shown='{"q": "bikes"}'
    )


def test_a_child_that_asks_waits_and_its_phase_continues_with_the_answer(
    run: Run, state: StateManager, reads: Reads
) -> None:
    run.start()
    claim = claimed(state)

    question = state.ask(claim, a_question())

    assert run.waiting.output.output == '{"q": "bikes"}'
    assert run.now.state is ExecutionState.WAITING_FEEDBACK
    state.heartbeat(claim)
    state.decide(Decision(question.id, Action.REVISE, BEN, "not that"))
    answered = reads.checkpoint(question.id)
    assert answered.feedback is not None
    assert (answered.feedback.action, answered.feedback.text) == (Action.REVISE, "not that")
    assert reads.execution(run.id).state is ExecutionState.RUNNING
    assert state.claim("another") is None
    state.phase_done(claim, output("the plan"))
    assert run.waiting.kind is CheckpointKind.PHASE


def test_the_question_of_a_dead_child_is_withdrawn_and_asked_again(
    run: Run, state: StateManager, reads: Reads, clock: SettableClock
) -> None:
    run.start()
    question = state.ask(claimed(state), a_question())
    clock.move(timedelta(seconds=31))

    claim = claimed(state)

    assert reads.checkpoint(question.id).state is CheckpointState.CANCELLED
    assert run.now.state is ExecutionState.RUNNING
    assert state.ask(claim, a_question()).state is CheckpointState.PENDING


def test_an_answer_that_a_dead_child_did_not_use_is_passed_on_once(
    run: Run, state: StateManager, clock: SettableClock
) -> None:
    run.start()
    question = state.ask(claimed(state), a_question())
    state.decide(Decision(question.id, Action.CONTINUE, BEN))
    clock.move(timedelta(seconds=31))
    claim = claimed(state)

    assert state.ask(claim, a_question()).id == question.id
    assert run.now.state is ExecutionState.RUNNING
    assert state.ask(claim, a_question()).state is CheckpointState.PENDING


def asked(kind: CheckpointKind, run: Run, state: StateManager) -> Checkpoint:
    run.start()
    return state.ask(claimed(state), replace(a_question(), kind=kind))


def test_a_budget_can_only_be_raised_or_end_the_run(run: Run, state: StateManager) -> None:
    budget = asked(CheckpointKind.BUDGET, run, state)

    for action in (Action.REVISE, Action.SKIP):
        with pytest.raises(NotOffered):
            state.decide(Decision(budget.id, action, BEN, "far too expensive"))

    assert run.waiting.state is CheckpointState.PENDING


def test_a_crew_that_cannot_revise_is_not_asked_to(run: Run, state: StateManager) -> None:
    run.start(replace(crew(), revise=False))
    run.work()

    with pytest.raises(NotOffered) as caught:
        state.decide(Decision(run.waiting.id, Action.REVISE, BEN, "shorter"))

    assert caught.value.offered == (Action.CONTINUE, Action.STOP, Action.SKIP)
    assert run.waiting.state is CheckpointState.PENDING


def test_a_failure_that_no_retry_can_help_is_recorded_as_such_until_a_retry(
    run: Run, state: StateManager
) -> None:
    run.start(crew())
    claim = claimed(state)
    state.fail(claim, Failure("An input is missing.", retryable=False, retry_helps=False))
    assert not run.now.retry_helps

    state.retry(run.now.id, actor=ANA)
    assert run.now.retry_helps


def test_an_answer_needs_text(run: Run, state: StateManager) -> None:
    question = asked(CheckpointKind.QUESTION, run, state)

    with pytest.raises(TextNeeded):
        state.decide(Decision(question.id, Action.CONTINUE, BEN, " "))


def test_a_reply_that_mentions_the_bot_answers_a_question(
    run: Run, state: StateManager, reads: Reads, outbox: Outbox
) -> None:
    question = asked(CheckpointKind.QUESTION, run, state)
    [root] = outbox.take(owner="d", limit=1)
    outbox.posted(outbox.sending(root), channel=root.channel, ts="100.0", shown=root.version)

    state.reply(Reply(root.channel, "100.0", "100.9", "on Monday", BEN, mentions_bot=True))

    feedback = reads.checkpoint(question.id).feedback
    assert feedback is not None
    assert (feedback.action, feedback.text) == (Action.CONTINUE, "on Monday")


def test_stop_at_a_question_ends_the_running_phase(run: Run, state: StateManager) -> None:
    run.start()
    claim = claimed(state)
    question = state.ask(claim, a_question())

    state.decide(Decision(question.id, Action.STOP, BEN))

    assert run.now.state is ExecutionState.STOPPED
    with pytest.raises(LeaseLost):
        state.heartbeat(claim)


def test_tasks_with_human_input_have_checkpoints_of_their_own(
    run: Run, state: StateManager
) -> None:
    run.start(a_flow())
    claim = state.record_phases(
        claimed(state), ["write", "post"], task_checkpoints=[("write", "write", "Read the text")]
    )
    state.phase_done(claim, output("a text"))

    assert (run.waiting.name, run.waiting.description) == ("write", "Read the text")
    state.decide(Decision(run.waiting.id, Action.CONTINUE, BEN))
    assert claimed(state).run.phase == "post"


@pytest.mark.parametrize(
    ("limits", "limit"),
    [
        (Limits(at_once=2), "at_once"),
        (Limits(per_person=2), "per_person"),
        (Limits(starts_per_hour=2), "starts_per_hour"),
    ],
)
def test_one_start_too_many_is_refused_and_other_runs_are_unaffected(
    run: Run, reads: Reads, limits: Limits, limit: str
) -> None:
    limited = a_flow(limits=limits)
    for _ in range(2):
        run.start(limited)

    with pytest.raises(LimitReached) as refused:
        run.start(limited)

    assert (refused.value.limit, refused.value.most) == (limit, 2)
    assert len(reads.executions()) == 2
    run.start(a_flow(name="another"))
    if limit == "per_person":
        run.start(limited, requester=BEN)


def test_revisions_are_limited(run: Run, state: StateManager) -> None:
    run.start(replace(crew(), limits=Limits(revisions=1)))
    run.work()
    state.decide(Decision(run.waiting.id, Action.REVISE, BEN, "shorter"))
    run.work()

    with pytest.raises(LimitReached):
        state.decide(Decision(run.waiting.id, Action.REVISE, BEN, "longer"))
    assert state.decide(Decision(run.waiting.id, Action.CONTINUE, BEN))


def test_later_runs_get_a_lesson_until_it_is_deleted(
    run: Run, state: StateManager, reads: Reads
) -> None:
    teaching = replace(crew(), lessons=True)
    run.start(teaching)
    run.work()
    revised = run.waiting.id
    state.decide(Decision(revised, Action.REVISE, BEN, "name the prices"))
    lesson = state.add_lesson(revised, actor=BEN)
    assert state.add_lesson(revised, actor=ANA) == lesson
    run.work()
    assert run.waiting.lessons == ("name the prices",)

    state.start_execution(definition=teaching, request=asking(), requester=ANA)
    assert claimed(state).lessons == ("name the prices",)
    assert reads.lessons("plan") == (lesson,)
    state.delete_lesson(lesson.id, actor=BEN)
    assert reads.lessons("plan") == ()


def test_a_crew_without_lessons_accepts_none(run: Run, state: StateManager) -> None:
    run.start()
    run.work()
    revised = run.waiting.id
    state.decide(Decision(revised, Action.REVISE, BEN, "name the prices"))

    with pytest.raises(NoLesson):
        state.add_lesson(revised, actor=BEN)
