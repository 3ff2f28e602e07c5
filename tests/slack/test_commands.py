"""What `/crew …` answers to the person who typed it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from practice.seed import RANDOM
from practice.state.records import Channel
from storage.definitions import CrewReport
from storage.records import PhaseOutput
from storage.states import ExecutionState
from tests.slack.stage import Stage
from tests.support.workspace import ANA, BEN, GUS, Workspace


@pytest.mark.parametrize("text", ["/crew help", "/crew --help", "/crew ?"])
def test_help_shows_how_to_start_an_existing_crew(
    stage: Stage, workspace: Workspace, text: str
) -> None:
    assert workspace.command(text).ok

    assert "/crew plan your request" in stage.answer_to(ANA, "runs a crew")


def test_list_shows_crews_their_checkpoints_and_why_one_cannot_start(
    stage: Stage, workspace: Workspace
) -> None:
    report(stage, "eyes", "task `nope` is <not> there")
    try:
        workspace.command("list")
        answer = stage.answer_to(ANA, "Crews")
    finally:
        report(stage, "eyes", None)

    assert "`/crew plan …` A plan" in answer
    assert "`after_planning`" in answer
    assert "cannot be started: task `nope` is &lt;not&gt; there" in answer


def report(stage: Stage, crew: str, problem: str | None) -> None:
    stage.state.report_crew(CrewReport(crew, problem, (), datetime.now(UTC)))


def test_an_unknown_crew_is_answered_with_the_known_ones_and_the_nearest(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.command("plann a launch")

    answer = stage.answer_to(ANA, "There is no crew `plann`")
    assert "Did you mean `plan`?" in answer
    assert "`guarded` A plan" in answer
    assert stage.reads.executions(states=[ExecutionState.PENDING]) == ()


def test_a_crew_without_a_request_is_answered_with_an_example(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.command("plan --language German")

    answer = stage.answer_to(ANA, "What should *plan* work on?")
    assert "`/crew plan your request" in answer
    assert "```/crew plan --language German```" in answer


def test_a_crew_that_cannot_be_built_is_not_started_and_says_why(
    stage: Stage, workspace: Workspace
) -> None:
    report(stage, "plan", "No module named 'nowhere'")
    try:
        workspace.command("plan a launch")
        assert "No module named 'nowhere'" in stage.answer_to(ANA, "cannot be started")
    finally:
        report(stage, "plan", None)

    assert stage.reads.executions(states=[ExecutionState.PENDING]) == ()


def test_the_options_reach_the_run_and_the_request_keeps_the_rest(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start(
        "plan a launch —language “Bahasa Indonesia” for --checkpoints after_planning bells"
    )

    assert execution.request.user_input == "a launch for bells"
    assert execution.request.language == "Bahasa Indonesia"
    assert execution.left_out == ("after_analysis",)
    root = stage.root(execution).everything
    assert f"skipped in advance by <@{ANA}>: after_analysis" in root
    assert "language: Bahasa Indonesia" in root


def test_who_may_not_decide_a_checkpoint_cannot_leave_it_out(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.command("guarded a launch --checkpoints after_planning", by=ANA)

    answer = stage.answer_to(ANA, "You cannot leave out the checkpoint `after_analysis`")
    assert "Nothing was started" in answer
    assert stage.reads.executions(states=[ExecutionState.PENDING]) == ()


def test_an_unknown_checkpoint_is_answered_with_the_known_ones(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.command("plan a launch --checkpoints after_lunch")

    answer = stage.answer_to(ANA, "no checkpoint `after_lunch`")
    assert "`after_planning`, `after_analysis`" in answer


def test_in_a_private_channel_the_requester_is_told_to_invite_the_bot_and_what_to_paste(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    workspace, stage = own_workspace, own_stage
    workspace.add_channel(Channel("G00SECRET01", "secret", [ANA, BEN], is_private=True))
    workspace.command("plan a launch --language German", in_="secret")

    answer = stage.answer_to(ANA, "I am not in this channel")
    assert "/invite @countersign" in answer
    assert "```/crew plan a launch --language German```" in answer
    assert stage.reads.executions() == ()

    workspace.invite("secret")
    workspace.command("plan a launch --language German", in_="secret")
    workspace.wait_for(lambda: workspace.threads("secret"), what="the thread")


def test_in_a_public_channel_the_bot_joins_and_starts_without_a_greeting(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    workspace, stage = own_workspace, own_stage
    workspace.command("plan a launch", in_="random")

    (root,) = workspace.wait_for(lambda: workspace.threads("random"), what="the thread")
    assert "asked *plan* for" in root.everything
    stage.work()
    stage.armed(stage.reads.executions()[0])
    assert "Hello!" not in str([m.everything for m in workspace.messages("random")])


def test_without_the_scope_to_join_the_requester_is_told_to_invite_the_bot(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    own_workspace.without_scopes("channels:join")
    own_workspace.command("plan a launch", in_="random")

    answer = own_stage.answer_to(ANA, "I am not in this channel")
    assert "```/crew plan a launch```" in answer


def test_in_a_direct_message_the_requester_is_sent_to_a_channel(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.command("plan a launch", in_=workspace.dm(ANA))

    assert "```/crew plan a launch```" in stage.answer_to(ANA, "A run needs a channel")


def test_a_command_delivered_twice_starts_one_run(stage: Stage, workspace: Workspace) -> None:
    execution = stage.start()

    assert workspace.redeliver(workspace.deliveries("slash_commands")[-1]).ok

    open_runs = stage.reads.executions(states=[ExecutionState.PENDING])
    assert [e.id for e in open_runs] == [execution.id]


def test_status_shows_the_runs_here_and_one_run_by_the_start_of_its_id(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.command("status")
    stage.answer_to(ANA, "Nothing runs in this channel")
    execution = stage.start("plan a launch")
    used = {"gpt": {"calls": 1, "prompt_tokens": 1200, "completion_tokens": 34}}
    stage.state.phase_done(stage.claim(), PhaseOutput("A draft.", usage=used))

    workspace.command("status")
    answer = stage.answer_to(ANA, "Runs in this channel")
    assert f"`{execution.id[:8]}` *plan* a launch: Waiting for a decision after planning" in answer
    workspace.command(f"status {execution.id[:8]}", by=BEN)
    answer = stage.answer_to(BEN, "a launch")
    assert "Checkpoints decided: 0 of 2." in answer
    assert "So far: 1,234 tokens · cost unknown." in answer


def test_runs_of_another_channel_are_not_shown_to_those_who_are_not_in_it(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    workspace, stage = own_workspace, own_stage
    workspace.invite("random")
    workspace.command("plan a secret", in_="random")
    workspace.wait_for(lambda: workspace.threads("random"))
    execution = stage.reads.executions()[0]
    assert execution.channel == RANDOM

    workspace.command(f"status {execution.id[:8]}", by=GUS, in_="campaigns")

    assert "secret" not in stage.answer_to(GUS, "There is no run")


def test_cancel_by_id_ends_a_run_and_says_so_in_the_thread(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start()

    workspace.command(f"cancel {execution.id[:8]}", by=ANA)

    stage.answer_to(ANA, "is cancelled")
    assert stage.reads.execution(execution.id).state is ExecutionState.CANCELLED
    root = stage.wait_until_read(stage.root(execution), f"Cancelled by <@{ANA}>")
    workspace.wait_for(
        lambda: any("was cancelled by" in m.everything for m in workspace.thread(root))
    )
    workspace.command(f"cancel {execution.id[:8]}", by=ANA)
    stage.answer_to(ANA, "was cancelled: there is nothing to cancel")


def test_a_guest_cannot_cancel_somebody_elses_run(stage: Stage, workspace: Workspace) -> None:
    execution = stage.start("plan a launch", by=ANA)

    root = workspace.wait_for(lambda: workspace.message_with("Cancel run"))
    workspace.click("Cancel run", by=GUS, message=root)

    stage.answer_to(GUS, f"Only <@{ANA}> or somebody who may decide")
    assert stage.reads.execution(execution.id).state is ExecutionState.PENDING


def test_the_cancel_button_asks_first_and_leaves_the_checkpoint_undecidable(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start()
    stage.work()
    message = stage.armed(execution)
    root = workspace.wait_for(lambda: workspace.message_with("Cancel run"))
    cancel = root.button("Cancel run")
    assert cancel is not None
    assert cancel.confirm is not None

    workspace.click("Cancel run", by=BEN, message=root)

    stage.wait_until_read(message, "No longer needs a decision")
    assert workspace.again(message).buttons == []


def test_a_failed_run_says_why_notifies_its_requester_and_resumes_by_the_retry_button(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start()
    stage.fail_phase("The model answered <500>")

    root = stage.wait_until_read(stage.root(execution), "The model answered &lt;500&gt;")
    notice = workspace.wait_for(
        lambda: next((m for m in workspace.thread(root) if "this run failed" in m.text), None)
    )
    assert workspace.notified(notice) == {ANA}

    workspace.click("Retry", by=ANA, message=root)
    workspace.wait_for(lambda: stage.reads.execution(execution.id).state is ExecutionState.RUNNING)
    stage.work()
    assert stage.armed(execution)


def test_a_missing_or_unknown_id_gets_an_explanation(stage: Stage, workspace: Workspace) -> None:
    workspace.command("cancel")
    stage.answer_to(ANA, "Give its id")
    workspace.command("retry ffffffff")
    stage.answer_to(ANA, "There is no run `ffffffff`")


REQUEST = "write about bees\n- one\n  - nested"


@pytest.mark.parametrize(
    "typed",
    [
        f"plann {REQUEST}",
        f"plan {REQUEST} --checkpoints unknown",
        f"plan {REQUEST} --language",
        f"plan {REQUEST} --langauge German",
        f"plan {REQUEST} --help",
        f"group {REQUEST}",
        f"guarded {REQUEST} --checkpoints none",
        "cancel 00000000",
        "retry 00000000",
        "status 00000000",
        "lessons nobody",
        "plann help",
    ],
    ids=repr,
)
def test_a_refused_command_gives_the_typed_text_back(
    stage: Stage, workspace: Workspace, typed: str
) -> None:
    report(stage, "group", "there is no module")
    before = len(stage.reads.executions())

    assert workspace.command(typed, by=ANA).ok

    answer = stage.answer_to(ANA, f"/crew {typed}")
    assert "You typed" in answer
    assert len(stage.reads.executions()) == before


def test_a_start_that_a_limit_refuses_gives_the_typed_text_back(
    stage: Stage, workspace: Workspace
) -> None:
    stage.start("bounded a first")

    workspace.command(f"bounded {REQUEST}", by=ANA)

    assert f"/crew bounded {REQUEST}" in stage.answer_to(ANA, "1 run at once")


def test_a_refused_command_is_given_back_as_it_was_typed_and_not_as_slack_sent_it(
    stage: Stage, workspace: Workspace
) -> None:
    for command in ("plann", "retry"):
        workspace.command(f"{command} R&D in <May>: a < b", by=ANA)

        answer = stage.answer_to(ANA, f"/crew {command}")
        assert f"/crew {command} R&amp;D in &lt;May&gt;: a &lt; b" in answer, "escaped once"


def test_a_long_request_that_is_refused_is_given_back_in_full(
    stage: Stage, workspace: Workspace
) -> None:
    typed = "plann " + " ".join(f"word{number}" for number in range(700))

    workspace.command(typed, by=ANA)

    assert typed in stage.answer_to(ANA, "There is no crew `plann`")


@pytest.mark.parametrize(
    "typed", ["plan --help", "start plan help", "run: plan --help", "start --help", "Plan HELP"]
)
def test_asking_for_help_never_starts_a_run(stage: Stage, workspace: Workspace, typed: str) -> None:
    before = len(stage.reads.executions())

    assert workspace.command(typed, by=ANA).ok

    stage.answer_to(ANA, "/crew plan")
    assert len(stage.reads.executions()) == before


@pytest.mark.parametrize(
    "typed",
    [
        "PLAN write about bees",
        "plan\u00a0write about bees",
        "plan\nwrite about bees",
        "start plan: write about bees",
        "`plan` write about bees",
    ],
    ids=ascii,
)
def test_the_ways_to_type_a_start_all_start_it(
    stage: Stage, workspace: Workspace, typed: str
) -> None:
    execution = stage.start(typed)

    assert (execution.crew, execution.request.text) == ("plan", "write about bees")


@pytest.mark.parametrize("name", ["plann", "guarded --checkpoints none"])
def test_code_in_a_refused_command_is_given_back_with_its_fences(
    stage: Stage, workspace: Workspace, name: str
) -> None:
    typed = f"{name} use this:\n```services:\n  web: a < b```"

    workspace.command(typed, by=ANA)
    stage.answer_to(ANA, "You typed")

    [answer] = workspace.ephemerals(ANA)
    assert f"/crew {typed}" in [*_texts(answer.blocks)]


def _texts(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        yield from ([part["text"]] if isinstance(part.get("text"), str) else [])
        part = [*part.values()]
    if isinstance(part, list):
        for each in part:
            yield from _texts(each)
