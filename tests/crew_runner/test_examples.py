"""The examples of crews.yml, run from start to end with the offline model."""

from __future__ import annotations

from pathlib import Path

from crew_runner.config.registry import load_crews
from storage.decisions import Decision
from storage.records import Action
from storage.states import ExecutionState
from tests.crew_runner.conftest import RunnerFixture
from tests.crew_runner.harness import ANYBODY

CREWS = load_crews(Path(__file__).parent.parent.parent / "crews.yml")


def test_the_review_flow_drafts_again_until_it_is_published(runner: RunnerFixture) -> None:
    harness = runner.harness
    run = harness.start(CREWS["review_flow"], "our shop opens on Sundays")
    first = harness.checkpoint(run)
    harness.state.decide(
        Decision(first.id, Action.CONTINUE, ANYBODY, text="Make it shorter", outcome="revise")
    )
    second = harness.checkpoint(run)
    harness.state.decide(
        Decision(second.id, Action.CONTINUE, ANYBODY, text="Send at noon", outcome="publish")
    )
    ended = harness.ended(run)

    assert first.outcomes == ("publish", "revise", "discard")
    assert first.output.output != second.output.output
    assert ended.state is ExecutionState.COMPLETED, harness.story(run)
    assert ended.result is not None
    assert ended.result.output.startswith(second.output.output)
    assert ended.result.output.endswith("Note for the newsroom: Send at noon")
    calls = [
        sum(u["calls"] for u in r.output.usage.values()) for r in harness.runs(run) if r.output
    ]
    assert calls == [1, 1, 0]


def test_the_interview_waits_for_a_person_after_both_tasks_that_ask(runner: RunnerFixture) -> None:
    harness = runner.harness
    run = harness.start(CREWS["interview"], "bees in the city")
    first = harness.checkpoint(run)
    harness.decide(first, Action.REVISE, "Make it shorter")
    revised = harness.checkpoint(run)
    harness.decide(revised, Action.CONTINUE)
    last = harness.checkpoint(run)
    harness.decide(last, Action.CONTINUE)
    ended = harness.ended(run)

    assert [each.name for each in (first, revised, last)] == [
        "questions",
        "questions",
        "invitation",
    ]
    assert first.description == "Review: Write 5 questions for an interview about: bees in the city"
    assert revised.output.output != first.output.output
    assert ended.state is ExecutionState.COMPLETED, harness.story(run)
