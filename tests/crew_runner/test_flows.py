"""Flows that pause for a person: gates with and without outcomes, loops, restarts, changed code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from storage.definitions import CrewDefinition
from storage.records import Action, Checkpoint, CheckpointKind, Decision
from storage.states import ExecutionState
from tests.crew_runner.conftest import Shop
from tests.crew_runner.desk import ANYBODY, RULE, Desk, asked, crew


def flow(name: str, **more: object) -> CrewDefinition:
    target = f"tests.crew_runner.flows:{name}"
    return replace(crew(name), target=target, **{"rule": RULE, **more})  # type: ignore[arg-type]


def choose(desk: Desk, checkpoint: Checkpoint, outcome: str, text: str = "") -> None:
    desk.state.decide(Decision(checkpoint.id, Action.CONTINUE, ANYBODY, text=text, outcome=outcome))


def steps(folder: Path, subject: str) -> list[tuple[str, str]]:
    """Which process did what."""
    lines = (folder / f"{subject}.steps").read_text().splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


def result(desk: Desk, run: str) -> str:
    execution = desk.ended(run)
    assert execution.state is ExecutionState.COMPLETED, desk.story(run)
    assert execution.result is not None
    return execution.result.output


def test_a_flow_stands_still_at_its_gate_and_shows_what_the_method_gave(shop: Shop) -> None:
    run = shop.desk.start(flow("WithOutcomes"), "kites")
    gate = shop.desk.checkpoint(run)

    assert (gate.kind, gate.name) == (CheckpointKind.GATE, "review")
    assert gate.description == "Is this draft good enough?"
    assert gate.outcomes == ("drop", "revise", "approve")
    assert gate.output.output == "draft 1 about kites"


def test_the_chosen_outcome_is_taken_and_no_model_is_asked(shop: Shop) -> None:
    run = shop.desk.start(flow("WithOutcomes"), "plums")
    choose(shop.desk, shop.desk.checkpoint(run), "approve", "well done")

    assert result(shop.desk, run) == ("published: draft 1 about plums (notes: ) with 'well done'")
    assert all(not phase.output or not phase.output.usage for phase in shop.desk.runs(run))


def test_an_outcome_chosen_without_words_is_not_taken_for_the_default(shop: Shop) -> None:
    run = shop.desk.start(flow("WithOutcomes"), "pears")
    choose(shop.desk, shop.desk.checkpoint(run), "approve")

    assert result(shop.desk, run).endswith("with ''")


def test_a_loop_comes_back_to_its_gate_each_time_in_another_process(shop: Shop) -> None:
    run = shop.desk.start(flow("WithOutcomes"), "tea")
    seen = []
    for words in ("shorter", "warmer"):
        gate = shop.desk.checkpoint(run)
        seen.append(gate.output.output)
        choose(shop.desk, gate, "revise", words)
    gate = shop.desk.checkpoint(run)
    choose(shop.desk, gate, "approve", "fine")

    assert [*seen, gate.output.output] == [f"draft {n} about tea" for n in (1, 2, 3)]
    assert "(notes: shorter; warmer)" in result(shop.desk, run)
    did = steps(shop.folder, "tea")
    assert [step for _process, step in did] == ["draft 1", "draft 2", "draft 3", "publish"]
    assert len({process for process, _step in did}) == 4
    phases = [phase.phase for phase in shop.desk.runs(run)]
    assert phases == ["start", "after review", "after review", "after review"]


def test_words_without_an_outcome_take_the_one_that_leads_back_to_the_gate(shop: Shop) -> None:
    run = shop.desk.start(flow("WithOutcomes"), "limes")
    shop.desk.decide(shop.desk.checkpoint(run), Action.REVISE, "approve it when it is longer")
    again = shop.desk.checkpoint(run)

    assert again.output.output == "draft 2 about limes"


def test_words_alone_never_choose_where_no_single_outcome_leads_back(shop: Shop) -> None:
    run = shop.desk.start(flow("changing"), "dates")
    first = shop.desk.checkpoint(run)
    shop.desk.decide(first, Action.REVISE, "yes")
    again = shop.desk.checkpoint(run)

    assert again.id != first.id
    assert again.output.output == first.output.output
    assert again.description == (
        "Well? (Words alone chose nothing. One of these is needed: yes, no.)"
    )
    choose(shop.desk, again, "yes")
    assert result(shop.desk, run) == "the end"


@pytest.mark.parametrize(
    ("action", "text", "heard"),
    [(Action.REVISE, "name prices", "name prices"), (Action.CONTINUE, "", "")],
)
def test_without_outcomes_the_reviewers_words_are_the_feedback(
    shop: Shop, action: Action, text: str, heard: str
) -> None:
    run = shop.desk.start(flow("WithoutOutcomes"), f"soap-{action}")
    gate = shop.desk.checkpoint(run)
    assert gate.outcomes == ()
    shop.desk.decide(gate, action, text)

    assert f'"added": "{heard}"' in result(shop.desk, run)
    assert f'"text": "draft 1 about soap-{action}"' in result(shop.desk, run)


def test_two_gates_in_a_flow_and_a_join_across_them(shop: Shop) -> None:
    run = shop.desk.start(flow("TwoGates"), "silk")
    first = shop.desk.checkpoint(run)
    assert (first.name, first.output.output) == ("facts", "facts: answer 1")
    choose(shop.desk, first, "right")
    second = shop.desk.checkpoint(run)
    assert (second.name, second.outcomes) == ("tone", ())
    shop.desk.decide(second, Action.REVISE, "kinder")

    assert result(shop.desk, run) == "ended after ['right', 'kinder']"
    assert len(asked(shop.folder, "silk")) == 1


def test_what_runs_beside_a_gate_ends_before_the_flow_stands_still(shop: Shop) -> None:
    run = shop.desk.start(flow("Beside"), "clay")
    gate = shop.desk.checkpoint(run)
    assert [step for _process, step in steps(shop.folder, "clay")] == ["dig", "wash"]
    shop.desk.decide(gate, Action.CONTINUE)

    assert result(shop.desk, run) == "both came"
    assert len(steps(shop.folder, "clay")) == 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("TwoAtOnce", "The flow is at two gates at once: "),
        ("DropsAListener", "count listens to revise, as the gate review does."),
        ("StartsAgain", "The flow starts draft again with an outcome of its gate review"),
    ],
)
def test_what_crewai_would_lose_at_a_gate_is_refused_in_words(
    shop: Shop, name: str, words: str
) -> None:
    run = shop.desk.start(flow(name), "sand")

    assert words in (shop.desk.ended(run).error or "")


def test_a_flow_that_never_pauses_simply_ends(shop: Shop) -> None:
    run = shop.desk.start(flow("NeverPauses", rule=None), "rope")

    assert result(shop.desk, run) == "begun with rope"


def test_a_flow_that_keeps_its_state_itself_goes_on_as_well(shop: Shop) -> None:
    run = shop.desk.start(flow("Persisted"), "oats")
    shop.desk.decide(shop.desk.checkpoint(run), Action.REVISE, "more")

    assert result(shop.desk, run) == "draft 1 about oats with more in round 1"


def test_a_gate_that_nobody_may_decide_is_said_before_the_flow_runs(shop: Shop) -> None:
    run = shop.desk.start(flow("WithOutcomes", rule=None), "hats")

    assert "'approvers' is needed there" in (shop.desk.ended(run).error or "")
    assert not (shop.folder / "hats.steps").exists()


def test_a_task_with_human_input_inside_a_flow_is_not_passed_over(shop: Shop) -> None:
    run = shop.desk.start(flow("AsksInside"), "figs")

    assert "Task ask has human_input=True inside a flow" in (shop.desk.ended(run).error or "")


def test_a_state_that_cannot_be_kept_fails_in_words(shop: Shop) -> None:
    run = shop.desk.start(flow("HoldsAConnection"), "nuts")

    assert "The flow's state cannot be kept" in (shop.desk.ended(run).error or "")


def test_phases_for_a_flow_are_refused_in_words(shop: Shop) -> None:
    phased = replace(
        crew("x", {"one": ["draft"]}), target="tests.crew_runner.flows:WithoutOutcomes"
    )
    run = shop.desk.start(phased, "ink")

    assert "crews.yml names phases for a flow" in (shop.desk.ended(run).error or "")


@pytest.mark.parametrize(
    ("deployed", "words"),
    [("Changed", "no gate 'gate' any more"), ("OtherOutcomes", "no outcome 'yes' any more")],
)
def test_a_flow_that_changed_at_its_gate_fails_in_words_and_goes_on_when_put_back(
    shop: Shop, deployed: str, words: str
) -> None:
    now = shop.folder / "deployed"
    run = shop.desk.start(flow("changing"), f"milk-{deployed}")
    gate = shop.desk.checkpoint(run)
    now.write_text(deployed)
    choose(shop.desk, gate, "yes")
    failed = shop.desk.ended(run)
    now.unlink()
    shop.desk.state.retry(run, actor=ANYBODY)

    assert failed.state is ExecutionState.ERROR
    assert words in (failed.error or "")
    assert len(shop.desk.runs(run)) == 2 + 1
    assert result(shop.desk, run) == "the end"
