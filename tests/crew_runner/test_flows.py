"""Flows that pause for a person: gates with and without outcomes, loops, restarts, changed code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from storage.decisions import Decision
from storage.definitions import CrewDefinition
from storage.records import Action, Checkpoint, CheckpointKind
from storage.states import ExecutionState
from tests.crew_runner.conftest import RunnerFixture
from tests.crew_runner.harness import ANYBODY, RULE, Harness, conversations, crew


def flow(name: str, **more: object) -> CrewDefinition:
    target = f"tests.crew_runner.flows:{name}"
    return replace(crew(name), target=target, **{"rule": RULE, **more})  # type: ignore[arg-type]


def choose(harness: Harness, checkpoint: Checkpoint, outcome: str, text: str = "") -> None:
    harness.state.decide(
        Decision(checkpoint.id, Action.CONTINUE, ANYBODY, text=text, outcome=outcome)
    )


def steps(folder: Path, subject: str) -> list[tuple[str, str]]:
    """The process and the name of each step."""
    lines = (folder / f"{subject}.steps").read_text().splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


def result(harness: Harness, run: str) -> str:
    execution = harness.ended(run)
    assert execution.state is ExecutionState.COMPLETED, harness.story(run)
    assert execution.result is not None
    return execution.result.output


def test_a_flow_pauses_at_its_gate_and_shows_the_methods_output(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(flow("WithOutcomes"), "kites")
    gate = runner.harness.checkpoint(run)

    assert (gate.kind, gate.name) == (CheckpointKind.GATE, "review")
    assert gate.description == "Is this draft good enough?"
    assert gate.outcomes == ("drop", "revise", "approve")
    assert gate.output.output == "draft 1 about kites"


def test_the_chosen_outcome_is_taken_and_no_model_is_called(runner: RunnerFixture) -> None:
    run = runner.harness.start(flow("WithOutcomes"), "plums")
    choose(runner.harness, runner.harness.checkpoint(run), "approve", "well done")

    assert result(runner.harness, run) == (
        "published: draft 1 about plums (notes: ) with 'well done'"
    )
    assert all(not phase.output or not phase.output.usage for phase in runner.harness.runs(run))


def test_an_outcome_chosen_without_feedback_is_not_replaced_by_the_default(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(flow("WithOutcomes"), "pears")
    choose(runner.harness, runner.harness.checkpoint(run), "approve")

    assert result(runner.harness, run).endswith("with ''")


def test_a_loop_comes_back_to_its_gate_each_time_in_another_process(runner: RunnerFixture) -> None:
    run = runner.harness.start(flow("WithOutcomes"), "tea")
    drafts = []
    for words in ("shorter", "warmer"):
        gate = runner.harness.checkpoint(run)
        drafts.append(gate.output.output)
        choose(runner.harness, gate, "revise", words)
    gate = runner.harness.checkpoint(run)
    choose(runner.harness, gate, "approve", "fine")

    assert [*drafts, gate.output.output] == [f"draft {n} about tea" for n in (1, 2, 3)]
    assert "(notes: shorter; warmer)" in result(runner.harness, run)
    steps_taken = steps(runner.folder, "tea")
    assert [step for _process, step in steps_taken] == ["draft 1", "draft 2", "draft 3", "publish"]
    assert len({process for process, _step in steps_taken}) == 4
    phases = [phase.phase for phase in runner.harness.runs(run)]
    assert phases == ["start", "after review", "after review", "after review"]


def test_a_reply_without_an_outcome_takes_the_one_that_leads_back_to_the_gate(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(flow("WithOutcomes"), "limes")
    runner.harness.decide(
        runner.harness.checkpoint(run), Action.REVISE, "approve it when it is longer"
    )
    again = runner.harness.checkpoint(run)

    assert again.output.output == "draft 2 about limes"


def test_a_reply_never_chooses_an_outcome_if_no_single_one_leads_back(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(flow("changing"), "dates")
    first = runner.harness.checkpoint(run)
    runner.harness.decide(first, Action.REVISE, "yes")
    again = runner.harness.checkpoint(run)

    assert again.id != first.id
    assert again.output.output == first.output.output
    assert again.description == (
        "Well? (A reply alone does not choose an outcome. Choose one: yes, no.)"
    )
    choose(runner.harness, again, "yes")
    assert result(runner.harness, run) == "the end"


@pytest.mark.parametrize(
    ("action", "text", "feedback"),
    [(Action.REVISE, "name prices", "name prices"), (Action.CONTINUE, "", "")],
)
def test_without_outcomes_the_reviewers_words_are_the_feedback(
    runner: RunnerFixture, action: Action, text: str, feedback: str
) -> None:
    run = runner.harness.start(flow("WithoutOutcomes"), f"soap-{action}")
    gate = runner.harness.checkpoint(run)
    assert gate.outcomes == ()
    runner.harness.decide(gate, action, text)

    assert f'"added": "{feedback}"' in result(runner.harness, run)
    assert f'"text": "draft 1 about soap-{action}"' in result(runner.harness, run)


def test_two_gates_in_a_flow_and_a_join_across_them(runner: RunnerFixture) -> None:
    run = runner.harness.start(flow("TwoGates"), "silk")
    first = runner.harness.checkpoint(run)
    assert (first.name, first.output.output) == ("facts", "facts: answer 1")
    choose(runner.harness, first, "right")
    second = runner.harness.checkpoint(run)
    assert (second.name, second.outcomes) == ("tone", ())
    runner.harness.decide(second, Action.REVISE, "kinder")

    assert result(runner.harness, run) == "ended after ['right', 'kinder']"
    assert len(conversations(runner.folder, "silk")) == 1


def test_methods_beside_a_gate_finish_before_the_flow_pauses(runner: RunnerFixture) -> None:
    run = runner.harness.start(flow("Beside"), "clay")
    gate = runner.harness.checkpoint(run)
    assert [step for _process, step in steps(runner.folder, "clay")] == ["dig", "wash"]
    runner.harness.decide(gate, Action.CONTINUE)

    assert result(runner.harness, run) == "both came"
    assert len(steps(runner.folder, "clay")) == 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("TwoAtOnce", "The flow is at two gates at once: "),
        ("DropsAListener", "count listens to revise, as the gate review does."),
        ("StartsAgain", "The flow starts draft again with an outcome of its gate review"),
    ],
)
def test_methods_that_crewai_would_lose_at_a_gate_are_refused(
    runner: RunnerFixture, name: str, words: str
) -> None:
    run = runner.harness.start(flow(name), "sand")

    assert words in (runner.harness.ended(run).error or "")


def test_a_flow_that_never_pauses_simply_ends(runner: RunnerFixture) -> None:
    run = runner.harness.start(flow("NeverPauses", rule=None), "rope")

    assert result(runner.harness, run) == "begun with rope"


def test_a_flow_with_its_own_persistence_resumes_as_well(runner: RunnerFixture) -> None:
    run = runner.harness.start(flow("Persisted"), "oats")
    runner.harness.decide(runner.harness.checkpoint(run), Action.REVISE, "more")

    assert result(runner.harness, run) == "draft 1 about oats with more in round 1"


def test_a_gate_that_nobody_may_decide_is_reported_before_the_flow_runs(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(flow("WithOutcomes", rule=None), "hats")

    assert "Add 'approvers' to it" in (runner.harness.ended(run).error or "")
    assert not (runner.folder / "hats.steps").exists()


def test_a_task_with_human_input_inside_a_flow_asks_while_the_flow_waits(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(flow("AsksInside"), "figs")
    first = runner.harness.checkpoint(run)
    assert (first.kind, first.output.output) == (CheckpointKind.TASK, "answer 1")
    assert first.description == "Review: Ask about figs."
    assert not (runner.folder / "figs.published").exists()
    runner.harness.decide(first, Action.REVISE, "ask for prices")
    second = runner.harness.checkpoint_after(first)
    assert second.output.output == "answer 2"
    runner.harness.decide(second, Action.CONTINUE)

    assert result(runner.harness, run) == "answer 2"
    assert (runner.folder / "figs.published").read_text() == "answer 2"
    _first, again = conversations(runner.folder, "figs")
    assert "ask for prices" in again[-1]
    assert len(runner.harness.runs(run)) == 1


@pytest.mark.parametrize(
    ("action", "state", "published"),
    [
        (Action.SKIP, ExecutionState.COMPLETED, True),
        (Action.STOP, ExecutionState.STOPPED, False),
    ],
)
def test_a_task_inside_a_flow_that_nobody_approved(
    runner: RunnerFixture, action: Action, state: ExecutionState, *, published: bool
) -> None:
    run = runner.harness.start(flow("AsksInside"), f"pine-{action}")
    runner.harness.decide(runner.harness.checkpoint(run), action)

    assert runner.harness.ended(run).state is state
    assert (runner.folder / f"pine-{action}.published").exists() is published


def test_a_flow_that_keeps_its_result_in_its_state_shows_the_state(runner: RunnerFixture) -> None:
    run = runner.harness.start(flow("KeepsItsResult", rule=None), "peat")

    assert json.loads(result(runner.harness, run)) == {
        "user_input": "peat",
        "round": 1,
        "notes": ["draft 1 about peat"],
    }


def test_a_state_that_cannot_be_saved_fails_with_a_readable_message(runner: RunnerFixture) -> None:
    run = runner.harness.start(flow("HoldsAConnection"), "nuts")

    assert "The flow's state cannot be saved" in (runner.harness.ended(run).error or "")


def test_phases_for_a_flow_are_refused(runner: RunnerFixture) -> None:
    phased = replace(
        crew("x", {"one": ["draft"]}), target="tests.crew_runner.flows:WithoutOutcomes"
    )
    run = runner.harness.start(phased, "ink")

    assert "crews.yml names phases for a flow" in (runner.harness.ended(run).error or "")


@pytest.mark.parametrize(
    ("deployed", "words"),
    [
        ("Changed", "no longer has the gate 'gate'"),
        ("OtherOutcomes", "no longer has the outcome 'yes'"),
    ],
)
def test_a_flow_that_changed_at_its_gate_fails_readably_and_resumes_once_restored(
    runner: RunnerFixture, deployed: str, words: str
) -> None:
    now = runner.folder / "deployed"
    run = runner.harness.start(flow("changing"), f"milk-{deployed}")
    gate = runner.harness.checkpoint(run)
    now.write_text(deployed)
    choose(runner.harness, gate, "yes")
    failed = runner.harness.ended(run)
    now.unlink()
    runner.harness.state.retry(run, actor=ANYBODY)

    assert failed.state is ExecutionState.ERROR
    assert words in (failed.error or "")
    assert len(runner.harness.runs(run)) == 2 + 1
    assert result(runner.harness, run) == "the end"
