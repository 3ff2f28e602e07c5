"""Deciding at a checkpoint by a click."""

from __future__ import annotations

from bot.slack.ids import DECISIONS
from storage.states import CheckpointState, ExecutionState
from tests.slack.stage import Stage
from tests.support.workspace import ANA, BEN, GUS, OLGA, REVIEWERS, Workspace


def test_second_click_is_told_who_decided_and_starts_nothing(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start()
    stage.work()
    message = stage.armed(execution)

    workspace.click("Continue", by=ANA, message=message)
    assert workspace.click("Stop", by=BEN, message=message).ok

    answer = stage.answer_to(BEN, "Too late")
    assert f"already continued by <@{ANA}>" in answer
    assert stage.reads.execution(execution.id).state is ExecutionState.RUNNING
    assert len(stage.reads.phase_runs(execution.id)) == 2


def test_two_hundred_clicks_at_once_are_one_decision_and_199_answers(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start()
    stage.work()
    message = stage.armed(execution)

    answers = workspace.clicks("Continue", by=[ANA, BEN, GUS, OLGA] * 50, message=message)

    assert all(answer.ok for answer in answers)
    workspace.wait_for(
        lambda: sum(len(workspace.ephemerals(user)) for user in (ANA, BEN, GUS, OLGA)) >= 199,
        what="199 answers",
    )
    assert sum(len(workspace.ephemerals(user)) for user in (ANA, BEN, GUS, OLGA)) == 199
    checkpoint = stage.reads.checkpoints(execution.id)[0]
    assert checkpoint.state is CheckpointState.APPROVED
    assert len(stage.reads.phase_runs(execution.id)) == 2
    for outsider in (GUS, OLGA):
        assert all(
            "may not decide" in m.everything or "Too late" in m.everything
            for m in workspace.ephemerals(outsider)
        )


def test_a_guest_is_told_that_guests_may_not_decide_and_nothing_changes(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start()
    stage.work()
    message = stage.armed(execution)

    assert workspace.click("Continue", by=GUS, message=message).ok

    answer = stage.answer_to(GUS, "Guests and people of other workspaces may not decide this")
    assert "May decide: anyone here but guests" in answer
    assert "Continue to analysis" in workspace.live_buttons(message)


def test_somebody_from_another_workspace_may_not_decide_for_the_channel(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start()
    stage.work()
    message = stage.armed(execution)

    workspace.click("Skip", by=OLGA, message=message)

    stage.answer_to(OLGA, "people of other workspaces may not decide")
    assert stage.waiting(execution).state is CheckpointState.PENDING


def test_a_card_is_broadcast_but_only_the_named_approver_is_notified_and_decides(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start("guarded a launch", by=ANA)
    stage.work()
    message = stage.armed(execution)
    assert workspace.notified(message) == {BEN}
    assert message.broadcast

    workspace.click("Continue", by=ANA, message=message)
    assert f"May decide: <@{BEN}>" in stage.answer_to(ANA, "not one of those who may decide")

    workspace.click("Continue", by=BEN, message=message)
    stage.wait_until_read(message, f"Continued by <@{BEN}>")


def test_a_checkpoint_for_the_channel_is_broadcast_and_notifies_its_requester(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start(by=ANA)
    stage.work()
    message = stage.armed(execution)

    assert message.broadcast
    assert workspace.notified(message) == {ANA}
    assert not message.pings.broadcasts


def test_a_user_group_is_notified_and_may_decide(stage: Stage, workspace: Workspace) -> None:
    execution = stage.start("group a launch", by=ANA)
    stage.work()
    message = stage.armed(execution)
    assert message.pings.groups == [REVIEWERS]

    workspace.click("Continue", by=ANA, message=message)
    stage.answer_to(ANA, "not one of those who may decide")
    workspace.click("Continue", by=BEN, message=message)
    stage.wait_until_read(message, f"Continued by <@{BEN}>")


def test_four_eyes_refuse_the_requester_and_accept_somebody_else(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start("eyes a launch", by=ANA)
    stage.work()
    message = stage.armed(execution)

    workspace.click("Continue", by=ANA, message=message)
    stage.answer_to(ANA, "somebody else has to decide")
    workspace.click("Continue", by=BEN, message=message)
    stage.wait_until_read(message, f"Continued by <@{BEN}>")


def test_stop_asks_first_and_ends_the_run(stage: Stage, workspace: Workspace) -> None:
    execution = stage.start()
    stage.work()
    message = stage.armed(execution)
    stop = message.button("Stop")
    assert stop is not None
    assert stop.style == "danger"
    assert stop.confirm is not None

    workspace.click("Stop", by=BEN, message=message)

    stage.wait_until_read(message, f"Stopped by <@{BEN}>")
    assert stage.reads.execution(execution.id).state is ExecutionState.STOPPED
    stage.wait_until_read(stage.root(execution), f"Stopped by <@{BEN}>")
    assert stage.root(execution).buttons == []


def test_skip_goes_on_and_says_that_nobody_approved(stage: Stage, workspace: Workspace) -> None:
    execution = stage.start()
    stage.work()
    message = stage.armed(execution)

    workspace.click("Skip", by=BEN, message=message)

    stage.wait_until_read(message, f"Skipped by <@{BEN}>: the run goes on without approval")
    assert stage.reads.checkpoints(execution.id)[0].state is CheckpointState.SKIPPED
    assert stage.reads.execution(execution.id).state is ExecutionState.RUNNING


def test_a_click_delivered_twice_counts_once_and_is_no_late_click(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start()
    stage.work()
    message = stage.armed(execution)
    workspace.click("Continue", by=ANA, message=message)

    again = workspace.redeliver(workspace.deliveries("interactive")[-1])

    assert again.ok
    assert len(stage.reads.phase_runs(execution.id)) == 2
    assert workspace.ephemerals(ANA) == []


def test_over_a_whole_run_no_checkpoint_ever_had_two_live_messages(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.start()
    for _ in range(2):
        stage.work()
        workspace.click("Continue", by=ANA, message=stage.armed(execution))
    stage.work()
    workspace.wait_for(lambda: not stage.outbox.has_pending())

    most = workspace.most_live_at_once(
        lambda _, button: (
            (button.value or "").partition(" ")[0] if button.action_id in DECISIONS else None
        )
    )
    of_this_run = [most[c.id] for c in stage.reads.checkpoints(execution.id)]
    assert of_this_run == [1, 1]
