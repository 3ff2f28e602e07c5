"""Tasks with `human_input=True`: each ends its phase, and the checkpoint is the human input."""

from __future__ import annotations

from dataclasses import replace

from storage.definitions import CheckpointDefinition, CrewDefinition, DecisionRule
from storage.records import Action
from storage.states import ExecutionState
from tests.crew_runner.conftest import Shop
from tests.crew_runner.desk import RULE, Desk, asked, crew
from tests.support.processes import wait_until

OTHER = DecisionRule(approvers=("@requester",))


def interviews(phases: dict[str, list[str]] | None = None, *after: str) -> CrewDefinition:
    return replace(crew("interviews", phases, *after), rule=RULE)


def walk(desk: Desk, run: str) -> list[str]:
    """Continue until the end; the name of each checkpoint on the way."""
    seen: list[str] = []

    def moved() -> bool:
        waiting = desk.reads.waiting_checkpoint(run)
        if waiting is not None:
            seen.append(f"{waiting.name} after {waiting.phase}")
            desk.decide(waiting, Action.CONTINUE)
        return desk.reads.execution(run).state is ExecutionState.COMPLETED

    wait_until(moved, within=60, what="the end", shown=lambda: desk.story(run))
    return seen


def test_each_task_that_asks_brings_a_checkpoint_that_says_what_to_review(shop: Shop) -> None:
    run = shop.desk.start(interviews(), "bread")
    first = shop.desk.checkpoint(run)

    assert (first.name, first.phase, first.rule) == ("ask", "ask", RULE)
    assert first.description == "Review: Do ask about bread."
    assert first.output.output == "answer 1"
    assert walk(shop.desk, run) == ["ask after ask", "check after check"]
    assert len(asked(shop.folder, "bread")) == 4


def test_any_number_of_rounds_costs_one_model_call_each(shop: Shop) -> None:
    run = shop.desk.start(interviews(), "jam")
    for round_, words in enumerate(("sweeter", "thicker", "darker"), start=2):
        shop.desk.decide(shop.desk.checkpoint(run), Action.REVISE, words)
        checkpoint = shop.desk.checkpoint(run)
        assert (checkpoint.revision, checkpoint.output.output) == (round_, f"answer {round_}")

    conversations = asked(shop.folder, "jam")
    assert len(conversations) == 4
    last = "\n".join(conversations[-1])
    assert last.index("sweeter") < last.index("thicker") < last.index("darker")


def test_a_written_phase_is_cut_after_each_task_that_asks(shop: Shop) -> None:
    written = interviews({"talk": ["ask", "sort"], "rest": ["check", "tell"]}, "talk")
    run = shop.desk.start(written, "tiles")

    assert walk(shop.desk, run) == [
        "ask after talk (ask)",
        "after_talk after talk",
        "check after rest (check)",
    ]
    assert shop.desk.reads.execution(run).phases == ("talk (ask)", "talk", "rest (check)", "rest")
    assert len(asked(shop.folder, "tiles")) == 4


def test_a_checkpoint_that_crews_yml_has_there_stands_instead(shop: Shop) -> None:
    phases = {"talk": ["ask"], "rest": ["sort", "check", "tell"]}
    own = CheckpointDefinition("mine", OTHER, after="talk", description="My words")
    run = shop.desk.start(replace(interviews(phases), checkpoints=(own,)), "lamps")
    first = shop.desk.checkpoint(run)

    assert (first.name, first.description, first.rule) == ("mine", "My words", OTHER)
    assert walk(shop.desk, run) == ["mine after talk", "check after rest (check)"]


def test_nobody_to_ask_is_said_before_the_crew_runs(shop: Shop) -> None:
    run = shop.desk.start(replace(interviews(), rule=None), "forks")

    assert "'approvers' is needed there" in (shop.desk.ended(run).error or "")
    assert not (shop.folder / "forks.asked").exists()


def test_a_task_that_asks_since_the_run_began_is_not_passed_over(shop: Shop) -> None:
    phases = {"one": ["first"], "two": ["second"]}
    changing = replace(crew("asks_since_the_deploy", phases, "one"), rule=RULE)
    run = shop.desk.start(changing, "spoons")
    waiting = shop.desk.checkpoint(run)
    (shop.folder / "asks").touch()
    shop.desk.decide(waiting, Action.CONTINUE)
    failed = shop.desk.ended(run)
    (shop.folder / "asks").unlink()

    assert "Task second asks for a person now" in (failed.error or "")
