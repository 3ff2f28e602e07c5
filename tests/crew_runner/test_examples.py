"""The examples of crews.yml, run from start to end with the offline model."""

from __future__ import annotations

from pathlib import Path

from crew_runner.config.registry import load_crews
from storage.records import Action, Decision
from storage.states import ExecutionState
from tests.crew_runner.conftest import Shop
from tests.crew_runner.desk import ANYBODY

CREWS = load_crews(Path(__file__).parent.parent.parent / "crews.yml")


def test_the_review_flow_is_drafted_anew_until_it_goes_out(shop: Shop) -> None:
    desk = shop.desk
    run = desk.start(CREWS["review_flow"], "our shop opens on Sundays")
    first = desk.checkpoint(run)
    desk.state.decide(
        Decision(first.id, Action.CONTINUE, ANYBODY, text="Make it shorter", outcome="revise")
    )
    second = desk.checkpoint(run)
    desk.state.decide(
        Decision(second.id, Action.CONTINUE, ANYBODY, text="Send at noon", outcome="publish")
    )
    ended = desk.ended(run)

    assert first.outcomes == ("publish", "revise", "discard")
    assert first.output.output != second.output.output
    assert ended.state is ExecutionState.COMPLETED, desk.story(run)
    assert ended.result is not None
    assert ended.result.output.startswith(second.output.output)
    assert ended.result.output.endswith("Note for the newsroom: Send at noon")
    calls = [sum(u["calls"] for u in r.output.usage.values()) for r in desk.runs(run) if r.output]
    assert calls == [1, 1, 0]


def test_the_interview_waits_for_a_person_after_both_tasks_that_ask(shop: Shop) -> None:
    desk = shop.desk
    run = desk.start(CREWS["interview"], "bees in the city")
    first = desk.checkpoint(run)
    desk.decide(first, Action.REVISE, "Make it shorter")
    revised = desk.checkpoint(run)
    desk.decide(revised, Action.CONTINUE)
    last = desk.checkpoint(run)
    desk.decide(last, Action.CONTINUE)
    ended = desk.ended(run)

    assert [each.name for each in (first, revised, last)] == [
        "questions",
        "questions",
        "invitation",
    ]
    assert first.description == "Review: Write 5 questions for an interview about: bees in the city"
    assert revised.output.output != first.output.output
    assert ended.state is ExecutionState.COMPLETED, desk.story(run)
