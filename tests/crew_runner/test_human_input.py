"""Tasks with `human_input=True`: each ends its phase, and the checkpoint is the human input."""

from __future__ import annotations

from dataclasses import replace

from storage.definitions import CheckpointDefinition, CrewDefinition, DecisionRule
from storage.records import Action
from storage.states import ExecutionState
from tests.crew_runner.conftest import RunnerFixture
from tests.crew_runner.harness import RULE, Harness, conversations, crew
from tests.support.processes import wait_until

OTHER = DecisionRule(approvers=("@requester",))


def interviews(phases: dict[str, list[str]] | None = None, *after: str) -> CrewDefinition:
    return replace(crew("interviews", phases, *after), rule=RULE)


def walk(harness: Harness, run: str) -> list[str]:
    """Continue to the end; returns the name of each checkpoint on the way."""
    names: list[str] = []

    def moved() -> bool:
        waiting = harness.reads.waiting_checkpoint(run)
        if waiting is not None:
            names.append(f"{waiting.name} after {waiting.phase}")
            harness.decide(waiting, Action.CONTINUE)
        return harness.reads.execution(run).state is ExecutionState.COMPLETED

    wait_until(moved, within=60, what="the end", shown=lambda: harness.story(run))
    return names


def test_each_task_that_asks_brings_a_checkpoint_that_says_what_to_review(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(interviews(), "bread")
    first = runner.harness.checkpoint(run)

    assert (first.name, first.phase, first.rule) == ("ask", "ask", RULE)
    assert first.description == "Review: Do ask about bread."
    assert first.output.output == "answer 1"
    assert walk(runner.harness, run) == ["ask after ask", "check after check"]
    assert len(conversations(runner.folder, "bread")) == 4


def test_any_number_of_rounds_costs_one_model_call_each(runner: RunnerFixture) -> None:
    run = runner.harness.start(interviews(), "jam")
    for round_, words in enumerate(("sweeter", "thicker", "darker"), start=2):
        runner.harness.decide(runner.harness.checkpoint(run), Action.REVISE, words)
        checkpoint = runner.harness.checkpoint(run)
        assert (checkpoint.revision, checkpoint.output.output) == (round_, f"answer {round_}")

    calls = conversations(runner.folder, "jam")
    assert len(calls) == 4
    last = "\n".join(calls[-1])
    assert last.index("sweeter") < last.index("thicker") < last.index("darker")


def test_a_defined_phase_is_split_after_each_task_that_asks(runner: RunnerFixture) -> None:
    definition = interviews({"talk": ["ask", "sort"], "rest": ["check", "tell"]}, "talk")
    run = runner.harness.start(definition, "tiles")

    assert walk(runner.harness, run) == [
        "ask after talk (ask)",
        "after_talk after talk",
        "check after rest (check)",
    ]
    assert runner.harness.reads.execution(run).phases == (
        "talk (ask)",
        "talk",
        "rest (check)",
        "rest",
    )
    assert len(conversations(runner.folder, "tiles")) == 4


def test_a_checkpoint_in_crews_yml_replaces_the_tasks_own(runner: RunnerFixture) -> None:
    phases = {"talk": ["ask"], "rest": ["sort", "check", "tell"]}
    own = CheckpointDefinition("mine", OTHER, after="talk", description="My words")
    run = runner.harness.start(replace(interviews(phases), checkpoints=(own,)), "lamps")
    first = runner.harness.checkpoint(run)

    assert (first.name, first.description, first.rule) == ("mine", "My words", OTHER)
    assert walk(runner.harness, run) == ["mine after talk", "check after rest (check)"]


def test_missing_approvers_are_reported_before_the_crew_runs(runner: RunnerFixture) -> None:
    run = runner.harness.start(replace(interviews(), rule=None), "forks")

    assert "Add 'approvers' to it" in (runner.harness.ended(run).error or "")
    assert not (runner.folder / "forks.asked").exists()


def test_a_task_that_asks_only_since_the_run_started_is_not_skipped(runner: RunnerFixture) -> None:
    phases = {"one": ["first"], "two": ["second"]}
    changing = replace(crew("asks_since_the_deploy", phases, "one"), rule=RULE)
    run = runner.harness.start(changing, "spoons")
    waiting = runner.harness.checkpoint(run)
    (runner.folder / "asks").touch()
    runner.harness.decide(waiting, Action.CONTINUE)
    failed = runner.harness.ended(run)
    (runner.folder / "asks").unlink()

    assert "Task second asks for a person now" in (failed.error or "")
