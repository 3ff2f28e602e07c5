"""What follows the yes to a `human_input` task in CrewAI follows the yes here."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from storage.definitions import CheckpointDefinition, CrewDefinition, DecisionRule, OnTimeout
from storage.records import Action, Execution
from storage.states import ExecutionState
from tests.crew_runner.conftest import RunnerFixture
from tests.crew_runner.harness import ANYBODY, RULE, conversations, crew
from tests.support.processes import wait_until


def definition(
    target: str,
    *own: CheckpointDefinition,
    rule: DecisionRule = RULE,
    phases: dict[str, list[str]] | None = None,
    tries: int = 1,
) -> CrewDefinition:
    """`own`: the checkpoints of crews.yml."""
    return replace(
        crew(target, phases, rule=rule, tries=tries),
        target=f"tests.crew_runner.follow_up_crews:{target}",
        checkpoints=own,
    )


@pytest.fixture(autouse=True)
def nothing_followed(runner: RunnerFixture) -> None:
    (runner.folder / "followed").unlink(missing_ok=True)


def followed(runner: RunnerFixture) -> list[str]:
    record = runner.folder / "followed"
    return record.read_text().splitlines() if record.exists() else []


def out(runner: RunnerFixture, name: str) -> Path:
    return runner.folder / "out" / name


def continued(runner: RunnerFixture, run: str) -> Execution:
    """Continue at the only checkpoint, and wait for the end."""
    runner.harness.decide(runner.harness.checkpoint(run), Action.CONTINUE)
    return runner.harness.ended(run)


def test_nothing_is_called_or_written_before_the_decision_and_everything_after_continue(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(definition("publishes"), "sloes")
    checkpoint = runner.harness.checkpoint(run)

    assert checkpoint.output.output == "answer 1"
    assert followed(runner) == []
    assert not out(runner, "sloes.md").exists()

    runner.harness.decide(checkpoint, Action.CONTINUE)
    ended = runner.harness.ended(run)

    assert ended.state is ExecutionState.COMPLETED
    assert followed(runner) == [
        "published draft: answer 1",
        "crew noted draft: answer 1",
        "crew noted tell: answer 2",
    ]
    assert out(runner, "sloes.md").read_text() == "answer 1"


def test_stop_leaves_nothing(runner: RunnerFixture) -> None:
    run = runner.harness.start(definition("publishes"), "damsons")
    runner.harness.decide(runner.harness.checkpoint(run), Action.STOP)

    assert runner.harness.ended(run).state is ExecutionState.STOPPED
    assert followed(runner) == []
    assert not out(runner, "damsons.md").exists()


def test_a_revision_publishes_once_and_the_revised_text(runner: RunnerFixture) -> None:
    run = runner.harness.start(definition("publishes"), "quinces")
    runner.harness.decide(runner.harness.checkpoint(run), Action.REVISE, "sweeter")
    second = runner.harness.checkpoint(run)

    assert (second.revision, second.output.output) == (2, "answer 2")
    assert followed(runner) == []
    continued(runner, run)
    assert followed(runner)[:2] == ["published draft: answer 2", "crew noted draft: answer 2"]
    assert len(followed(runner)) == 3
    assert out(runner, "quinces.md").read_text() == "answer 2"


def test_a_revision_of_another_task_of_the_phase_publishes_the_kept_text(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(definition("publishes_last"), "beans")
    runner.harness.decide(runner.harness.checkpoint(run), Action.REVISE, "shorter", "collect")
    second = runner.harness.checkpoint(run)

    assert [task.output for task in second.output.tasks] == ["answer 3", "answer 2"]
    continued(runner, run)
    assert followed(runner) == [
        "collected collect: answer 1",
        "collected collect: answer 3",
        "published draft: answer 2",
    ]


def test_a_revision_without_a_choice_concerns_the_task_that_asks(runner: RunnerFixture) -> None:
    run = runner.harness.start(definition("publishes_last"), "peas")
    runner.harness.decide(runner.harness.checkpoint(run), Action.REVISE, "shorter")
    second = runner.harness.checkpoint(run)

    assert [task.output for task in second.output.tasks] == ["answer 1", "answer 3"]
    assert followed(runner) == ["collected collect: answer 1"]


def test_skip_goes_on_and_publishes_nothing(runner: RunnerFixture) -> None:
    run = runner.harness.start(definition("publishes"), "currants")
    runner.harness.decide(runner.harness.checkpoint(run), Action.SKIP)

    assert runner.harness.ended(run).state is ExecutionState.COMPLETED
    assert followed(runner) == ["crew noted tell: answer 2"]
    assert not out(runner, "currants.md").exists()


@pytest.mark.parametrize(
    ("on_timeout", "published"), [(OnTimeout.CONTINUE, True), (OnTimeout.SKIP, False)]
)
def test_a_timeout_publishes_if_its_rule_continues(
    runner: RunnerFixture, on_timeout: OnTimeout, *, published: bool
) -> None:
    rule = DecisionRule(("@channel",), timeout=timedelta(seconds=0.2), on_timeout=on_timeout)
    run = runner.harness.start(definition("publishes", rule=rule), f"late{on_timeout}")
    runner.harness.checkpoint(run)
    wait_until(lambda: runner.harness.state.expire_due() > 0, within=30, what="the deadline passes")

    assert runner.harness.ended(run).state is ExecutionState.COMPLETED
    assert ("published draft: answer 1" in followed(runner)) is published


def test_a_checkpoint_of_crews_yml_after_the_task_holds_it_too(runner: RunnerFixture) -> None:
    own = CheckpointDefinition("mine", RULE, after="draft")
    run = runner.harness.start(definition("publishes", own), "medlars")
    checkpoint = runner.harness.checkpoint(run)

    assert (checkpoint.name, followed(runner)) == ("mine", [])
    continued(runner, run)
    assert "published draft: answer 1" in followed(runner)


def test_a_checkpoint_left_out_at_the_start_counts_as_skipped(runner: RunnerFixture) -> None:
    own = CheckpointDefinition("mine", RULE, after="draft")
    started = runner.harness.state.start_execution(
        definition=definition("publishes", own),
        request=runner.harness.request("melons"),
        requester=ANYBODY,
        checkpoints=[],
    )

    assert runner.harness.ended(started.id).state is ExecutionState.COMPLETED
    assert followed(runner) == ["crew noted tell: answer 2"]


def test_a_last_phase_without_tasks_publishes_what_the_last_task_asked_about(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(definition("publishes_last"), "kale")
    checkpoint = runner.harness.checkpoint(run)

    assert followed(runner) == ["collected collect: answer 1"]
    assert runner.harness.reads.execution(run).phases == ("draft", "after draft")
    runner.harness.decide(checkpoint, Action.CONTINUE)
    ended = runner.harness.ended(run)

    assert followed(runner) == ["collected collect: answer 1", "published draft: answer 2"]
    assert ended.result is not None
    assert ended.result.output == "answer 2"
    assert [task.task for task in ended.result.tasks] == ["collect", "draft"]
    assert len(conversations(runner.folder, "kale")) == 2


def test_stop_at_the_last_task_leaves_nothing(runner: RunnerFixture) -> None:
    run = runner.harness.start(definition("publishes_last"), "leeks")
    runner.harness.decide(runner.harness.checkpoint(run), Action.STOP)

    assert followed(runner) == ["collected collect: answer 1"]


def test_after_kickoff_follows_the_yes_to_the_last_task(runner: RunnerFixture) -> None:
    run = runner.harness.start(definition("SignsLast"), "hops")
    checkpoint = runner.harness.checkpoint(run)

    assert (checkpoint.output.output, followed(runner)) == ("answer 1", [])
    result = continued(runner, run).result
    assert followed(runner) == ["signed 1: answer 1"]
    assert result is not None
    assert result.output == "answer 1 — signed"


def test_a_phase_of_crews_yml_holds_its_last_task_too(runner: RunnerFixture) -> None:
    phases = {"all": ["collect", "draft"]}
    run = runner.harness.start(definition("publishes_last", phases=phases), "rice")
    runner.harness.checkpoint(run)

    assert followed(runner) == ["collected collect: answer 1"]
    assert runner.harness.reads.execution(run).phases == ("all", "after draft")
    continued(runner, run)
    assert followed(runner)[1:] == ["published draft: answer 2"]


def test_a_callback_that_the_crew_and_a_task_share_is_called_once_per_task(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(definition("publishes_by_the_crews_callback"), "corn")
    runner.harness.checkpoint(run)

    assert followed(runner) == ["noted collect: answer 1"]
    continued(runner, run)
    assert followed(runner) == ["noted collect: answer 1", "noted draft: answer 2"]


def test_a_coroutine_as_callback_runs_after_the_yes(runner: RunnerFixture) -> None:
    run = runner.harness.start(definition("publishes_by_a_coroutine"), "rye")
    continued(runner, run)

    assert followed(runner) == ["published draft: answer 1"]


def test_a_retry_of_the_next_phase_does_not_publish_again(runner: RunnerFixture) -> None:
    run = runner.harness.start(definition("the_next_task_fails", tries=2), "millet")
    failed = continued(runner, run)

    assert "LookupError: nothing to tell" in (failed.error or "")
    runner.harness.state.retry(run, actor=ANYBODY)
    wait_until(
        lambda: [each.state.value for each in runner.harness.runs(run)].count("failed") == 4,
        within=60,
        what="all tries",
        shown=lambda: runner.harness.story(run),
    )
    assert followed(runner) == ["published draft: answer 1"]


def test_a_process_that_was_killed_is_replaced_by_one_that_does_not_publish_again(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(definition("the_next_task_is_killed_once", tries=2), "cress")
    ended = continued(runner, run)

    assert ended.state is ExecutionState.COMPLETED
    assert followed(runner) == ["published draft: answer 1", "killed"]


def test_a_callback_that_fails_is_called_again_by_the_next_try(runner: RunnerFixture) -> None:
    run = runner.harness.start(definition("its_callback_fails_once", tries=2), "barley")
    ended = continued(runner, run)

    assert ended.state is ExecutionState.COMPLETED
    assert followed(runner) == ["called back answer 1", "called back answer 1"]


def test_a_retry_repeats_only_what_has_not_succeeded(runner: RunnerFixture) -> None:
    target = "publishes_where_the_file_cannot_be_written"
    run = runner.harness.start(definition(target), "spelt")
    failed = continued(runner, run)

    assert "create_directory is False" in (failed.error or "")
    (runner.folder / "missing").mkdir()
    runner.harness.state.retry(run, actor=ANYBODY)
    wait_until(
        lambda: runner.harness.reads.execution(run).state is ExecutionState.COMPLETED,
        within=60,
        what="the end",
        shown=lambda: runner.harness.story(run),
    )
    assert followed(runner) == ["published draft: answer 1"]
    assert (runner.folder / "missing" / "spelt.md").read_text() == "answer 1"


def test_of_concurrent_tasks_only_the_one_that_asks_waits(runner: RunnerFixture) -> None:
    run = runner.harness.start(definition("concurrent"), "twins")
    runner.harness.checkpoint(run)

    assert [line.split(":")[0] for line in followed(runner)] == ["published left"]
    continued(runner, run)
    assert [line.split(":")[0] for line in followed(runner)] == [
        "published left",
        "published right",
    ]


def test_a_task_that_was_not_run_publishes_nothing(runner: RunnerFixture) -> None:
    run = runner.harness.start(definition("conditional"), "mint")
    assert continued(runner, run).state is ExecutionState.COMPLETED

    assert followed(runner) == []
    assert not out(runner, "mint.md").exists()


def test_what_a_guardrail_made_of_the_answer_is_published(runner: RunnerFixture) -> None:
    run = runner.harness.start(definition("guarded"), "sage")
    continued(runner, run)

    assert followed(runner) == ["published draft: answer 1 (checked)"]
    assert out(runner, "sage.md").read_text() == "answer 1 (checked)"


def test_a_managers_task_is_published_after_the_yes(runner: RunnerFixture) -> None:
    run = runner.harness.start(definition("hierarchical"), "thyme")
    text = runner.harness.checkpoint(run).output.output

    assert followed(runner) == []
    continued(runner, run)
    assert followed(runner) == [f"published draft: {text}"]


def test_the_file_of_a_typed_output_contains_its_structure(runner: RunnerFixture) -> None:
    run = runner.harness.start(definition("typed"), "gables")
    [drawn] = runner.harness.checkpoint(run).output.tasks

    assert drawn.output == "answer 1"
    assert json.loads(drawn.structured) == {"kind": "square", "sides": 4}
    assert not out(runner, "gables.json").exists()
    continued(runner, run)
    assert json.loads(out(runner, "gables.json").read_text()) == {"kind": "square", "sides": 4}
