"""Checkpoints of crews.yml at the methods of a flow that has no gate of its own."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from storage.definitions import CheckpointDefinition, CrewDefinition
from storage.errors import NotOffered
from storage.records import Action, CheckpointKind, Request
from storage.states import ExecutionState
from tests.crew_runner.conftest import RunnerFixture
from tests.crew_runner.harness import ANYBODY, RULE, conversations, crew
from tests.crew_runner.test_flows import choose, result, steps


def after(method: str, name: str = "check") -> CheckpointDefinition:
    return CheckpointDefinition(name, RULE, after=method)


def before(method: str, name: str = "guard") -> CheckpointDefinition:
    return CheckpointDefinition(name, RULE, before=method)


def flow(name: str, *checkpoints: CheckpointDefinition, **more: object) -> CrewDefinition:
    target = f"tests.crew_runner.gateless_flows:{name}"
    definition = replace(crew(name), target=target, checkpoints=checkpoints)
    return replace(definition, **more)  # type: ignore[arg-type] # any field


def names_of(steps_taken: list[tuple[str, str]]) -> list[str]:
    return [name for _process, name in steps_taken]


def test_a_flow_pauses_after_the_method_and_goes_on_with_its_result_unchanged(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(flow("Line", after("draft")), "oak")
    checkpoint = runner.harness.checkpoint(run)
    assert (checkpoint.kind, checkpoint.name) == (CheckpointKind.GATE, "check")
    assert checkpoint.output.output == "answer 1"
    assert names_of(steps(runner.folder, "oak")) == ["draft"]
    runner.harness.decide(checkpoint, Action.CONTINUE)

    assert result(runner.harness, run) == "sent: polished: answer 1 (1, 1)"
    taken = steps(runner.folder, "oak")
    assert names_of(taken) == ["draft", "polish", "send"]
    assert taken[0][0] != taken[1][0]  # in another process


def test_revise_runs_the_method_again_with_the_words_and_the_state_of_before(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(flow("Line", after("draft")), "elm")
    runner.harness.decide(runner.harness.checkpoint(run), Action.REVISE, "shorter, please")
    again = runner.harness.checkpoint(run)
    assert (again.revision, again.asked) == (2, "shorter, please")
    assert again.output.output == "answer 2"
    assert again.output.revised
    runner.harness.decide(again, Action.CONTINUE)

    assert result(runner.harness, run) == "sent: polished: answer 2 (1, 1)"
    first, second = conversations(runner.folder, "elm")
    assert not any("shorter, please" in message for message in first)
    assert any("shorter, please" in message for message in second)


def test_before_a_method_nothing_of_it_has_happened_and_stop_leaves_it_so(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(flow("Line", before("send")), "ash")
    checkpoint = runner.harness.checkpoint(run)
    assert checkpoint.output.output == "polished: answer 1 (1, 1)"
    runner.harness.decide(checkpoint, Action.STOP)

    assert runner.harness.ended(run).state is ExecutionState.STOPPED
    assert names_of(steps(runner.folder, "ash")) == ["draft", "polish"]


def test_revise_before_a_method_runs_the_one_before_it_again(runner: RunnerFixture) -> None:
    run = runner.harness.start(flow("Line", before("polish")), "yew")
    checkpoint = runner.harness.checkpoint(run)
    assert checkpoint.output.output == "answer 1"
    runner.harness.decide(checkpoint, Action.REVISE, "warmer")
    again = runner.harness.checkpoint(run)
    assert (again.name, again.output.output) == ("guard", "answer 2")
    runner.harness.decide(again, Action.SKIP)

    assert result(runner.harness, run) == "sent: polished: answer 2 (1, 1)"
    assert names_of(steps(runner.folder, "yew")) == ["draft", "draft", "polish", "send"]
    assert any("warmer" in message for message in conversations(runner.folder, "yew")[1])


def test_before_the_first_method_the_state_is_shown_and_there_is_nothing_to_revise(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(flow("Line", before("draft")), "fir")
    checkpoint = runner.harness.checkpoint(run)
    assert '"user_input": "fir"' in checkpoint.output.output
    assert '"id"' not in checkpoint.output.output
    with pytest.raises(NotOffered):
        runner.harness.decide(checkpoint, Action.REVISE, "other inputs")
    runner.harness.decide(checkpoint, Action.CONTINUE)

    assert result(runner.harness, run).startswith("sent:")


def test_results_keep_their_types_over_a_pause(runner: RunnerFixture) -> None:
    run = runner.harness.start(flow("Typed", after("offer")), "tin")
    runner.harness.decide(runner.harness.checkpoint(run), Action.CONTINUE)

    assert result(runner.harness, run) == "tea 2.5 2 {'a'} ['offer']"


def test_a_method_without_a_model_reads_the_words_and_no_revision_is_claimed(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(flow("Plain", after("draft")), "zinc")
    first = runner.harness.checkpoint(run)
    assert first.output.output == "draft with nothing"
    runner.harness.decide(first, Action.REVISE, "more colour")
    again = runner.harness.checkpoint(run)
    assert again.output.output == "draft with more colour"
    assert not again.output.revised
    runner.harness.decide(again, Action.CONTINUE)

    assert result(runner.harness, run) == "draft with more colour"


def test_a_cycle_asks_each_time_and_shows_what_the_method_changed(runner: RunnerFixture) -> None:
    run = runner.harness.start(flow("Chooses", after("begin")), "iron")
    shown = []
    for action in (Action.REVISE, Action.CONTINUE, Action.CONTINUE):
        checkpoint = runner.harness.checkpoint(run)
        shown.append(json.loads(checkpoint.output.output))
        runner.harness.decide(checkpoint, action, "again" if action is Action.REVISE else "")

    ended = result(runner.harness, run)
    assert shown == [
        {"round": 1, "notes": ["round 1"]},
        {"round": 1, "notes": ["round 1"]},  # the state of before the revision is restored
        {"round": 2, "notes": ["round 1", "round 2"]},
    ]
    assert ended == "ended in round 2 with ['round 1', 'round 2']"
    assert names_of(steps(runner.folder, "iron")) == [
        "begin 1",
        "begin 1",
        "choose",
        "begin 2",
        "choose",
        "end",
    ]


def test_after_a_router_the_chosen_way_is_shown_and_taken(runner: RunnerFixture) -> None:
    run = runner.harness.start(flow("Chooses", after("choose")), "lead")
    ways = []
    for _round in range(2):
        checkpoint = runner.harness.checkpoint(run)
        ways.append(checkpoint.output.output)
        runner.harness.decide(checkpoint, Action.CONTINUE)

    assert result(runner.harness, run).startswith("ended in round 2")
    assert ways == ["again", "enough"]


def test_before_a_method_behind_a_router_the_method_before_the_router_is_revised(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(flow("Chooses", before("end")), "gold")
    runner.harness.decide(runner.harness.checkpoint(run), Action.REVISE, "once more")
    runner.harness.decide(runner.harness.checkpoint(run), Action.CONTINUE)

    assert result(runner.harness, run) == "ended in round 2 with ['round 1', 'round 2']"
    assert names_of(steps(runner.folder, "gold"))[-5:] == [
        "begin 2",
        "choose",
        "begin 2",
        "choose",
        "end",
    ]


def test_two_branches_at_once_are_asked_one_after_the_other(runner: RunnerFixture) -> None:
    both = (after("left", "one"), after("right", "two"), before("end", "three"))
    run = runner.harness.start(flow("Joins", *both), "jade")
    asked = []
    for action in (Action.REVISE, Action.CONTINUE, Action.CONTINUE, Action.CONTINUE):
        checkpoint = runner.harness.checkpoint(run)
        asked.append((checkpoint.name, checkpoint.output.output))
        runner.harness.decide(checkpoint, action, "again" if action is Action.REVISE else "")

    assert result(runner.harness, run) == "joined and ended"
    assert asked == [("one", "left"), ("one", "left"), ("two", "right"), ("three", "joined")]
    assert sorted(names_of(steps(runner.folder, "jade"))) == ["join", "left", "left", "right"]


def test_a_flow_with_a_gate_of_its_own_takes_checkpoints_as_well(runner: RunnerFixture) -> None:
    checkpoints = (after("draft", "first"), before("tell", "last"))
    gates = (CheckpointDefinition("review", RULE, description="Yours to say."),)
    run = runner.harness.start(flow("AlsoAsks", *checkpoints, gates=gates), "opal")
    runner.harness.decide(runner.harness.checkpoint(run), Action.CONTINUE)
    for outcome in ("revise", "approve"):
        gate = runner.harness.checkpoint(run)
        assert (gate.name, gate.outcomes) == ("review", ("revise", "approve"))
        assert gate.description == "Yours to say.\nGood?"
        choose(runner.harness, gate, outcome, "words")
    last = runner.harness.checkpoint(run)
    assert (last.name, last.output.output) == (
        "last",
        "published after ['revise', 'approve']",
    )
    runner.harness.decide(last, Action.CONTINUE)

    assert result(runner.harness, run) == "published after ['revise', 'approve'], told"
    assert names_of(steps(runner.folder, "opal")) == [
        "draft",
        "draft 1",
        "review",
        "review",
        "publish",
    ]


def test_a_declared_flow_is_asked_in_the_same_way(runner: RunnerFixture) -> None:
    run = runner.harness.start(flow("declared", after("draft"), before("publish")), "ruby")
    for name in ("check", "guard"):
        checkpoint = runner.harness.checkpoint(run)
        assert checkpoint.name == name
        runner.harness.decide(checkpoint, Action.CONTINUE)

    assert result(runner.harness, run) == "draft about ruby and draft about ruby, polished"


def test_gate_names_a_method_as_after_does(runner: RunnerFixture) -> None:
    gate = CheckpointDefinition("polish", RULE)
    run = runner.harness.start(flow("Line", gates=(gate,)), "teak")
    checkpoint = runner.harness.checkpoint(run)
    assert checkpoint.name == "polish"
    assert checkpoint.output.output.startswith("polished: ")
    runner.harness.decide(checkpoint, Action.CONTINUE)

    assert result(runner.harness, run).startswith("sent:")


def test_a_checkpoint_that_was_left_out_at_the_start_is_not_asked(runner: RunnerFixture) -> None:
    checkpoints = (after("draft"), before("send"))
    started = runner.harness.state.start_execution(
        definition=flow("Line", *checkpoints),
        request=Request("bark"),
        requester=ANYBODY,
        checkpoints=["guard"],
    )
    checkpoint = runner.harness.checkpoint(started.id)
    assert checkpoint.name == "guard"
    runner.harness.decide(checkpoint, Action.CONTINUE)

    assert result(runner.harness, started.id).startswith("sent:")


@pytest.mark.parametrize(
    ("name", "checkpoints", "words"),
    [
        (
            "Line",
            (after("nothing"),),
            "crews.yml does not fit the crew: checkpoint 'check' names method 'nothing', which "
            "the flow does not have; its methods are: draft, polish, send.",
        ),
        ("Line", (after("draft", "one"), after("draft", "two")), "are both after method 'draft'"),
        (
            "Line",
            (after("draft"), before("polish")),
            "after 'draft' and before 'polish' are one boundary, because only 'polish' follows",
        ),
        ("AlsoAsks", (after("review"),), "write 'gate: review' to set who decides there."),
    ],
)
def test_checkpoints_that_do_not_fit_the_flow_are_refused_before_it_runs(
    runner: RunnerFixture, name: str, checkpoints: tuple[CheckpointDefinition, ...], words: str
) -> None:
    run = runner.harness.start(flow(name, *checkpoints), "flint")

    assert words in (runner.harness.ended(run).error or "")
    assert not (runner.folder / "flint.steps").exists()


def test_a_flow_of_five_crews_is_revised_and_guarded_with_a_local_model(
    runner: RunnerFixture,
) -> None:
    checkpoints = (after("write_post", "draft"), before("save_post", "publish"))
    run = runner.harness.start(flow("FiveCrews", *checkpoints), "copper")
    first = runner.harness.checkpoint(run)
    assert first.name == "draft"
    calls = len(runner.model.calls)
    runner.harness.decide(first, Action.REVISE, "Make it much shorter")
    revised = runner.harness.checkpoint(run)
    assert revised.output.revised
    assert revised.output.output != first.output.output
    assert len(revised.output.output) < len(first.output.output)
    again = runner.model.calls[calls:]
    assert [call.revision for call in again] == [1, 1]  # only the two tasks of the one method
    runner.harness.decide(revised, Action.CONTINUE)
    last = runner.harness.checkpoint(run)
    assert last.name == "publish"
    assert last.output.output.strip()
    assert not (runner.folder / "copper").exists()
    runner.harness.decide(last, Action.CONTINUE)

    state = json.loads(result(runner.harness, run))
    assert state["draft"] == revised.output.output
    assert state["final_post"] == last.output.output
    assert (runner.folder / "copper" / "post.md").read_text() == last.output.output
    runs = runner.harness.runs(run)
    assert [run.phase for run in runs] == ["start", "start", "after draft", "after publish"]
    assert all(run.output is not None and run.output.usage for run in runs[:3])


def test_the_words_reach_agents_and_models_that_a_method_calls_directly(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(flow("CallsModels", after("draft")), "brass")
    first = runner.harness.checkpoint(run)
    calls = len(runner.model.calls)
    runner.harness.decide(first, Action.REVISE, "Make it much shorter")
    revised = runner.harness.checkpoint(run)

    assert revised.output.revised
    assert [call.revision for call in runner.model.calls[calls:]] == [1, 1]


def test_a_checkpoint_in_a_race_is_not_passed_over(runner: RunnerFixture) -> None:
    run = runner.harness.start(flow("Races", after("fast")), "amber")
    for action in (Action.REVISE, Action.CONTINUE):
        checkpoint = runner.harness.checkpoint(run)
        assert checkpoint.output.output == "fast"
        runner.harness.decide(checkpoint, action, "again" if action is Action.REVISE else "")

    assert result(runner.harness, run) == "fast won"
    assert names_of(steps(runner.folder, "amber")) == ["fast", "slow", "fast"]
