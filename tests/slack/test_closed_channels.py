"""If the bot cannot post in a channel, the requester is asked directly and nothing is lost."""

from __future__ import annotations

import pytest

from storage.states import ExecutionState
from tests.slack.stage import Stage
from tests.support.workspace import ANA, Workspace


@pytest.mark.parametrize("error", ["not_in_channel", "is_archived", "channel_not_found"])
def test_a_checkpoint_of_a_closed_channel_is_moved_to_the_requester(
    own_stage: Stage, own_workspace: Workspace, error: str
) -> None:
    workspace, stage = own_workspace, own_stage
    execution = stage.start(by=ANA)
    workspace.wait_for(lambda: not stage.outbox.has_pending())
    campaigns = workspace.channel("campaigns").id
    workspace.faults.error("chat.postMessage", error, times=None, channel=campaigns)
    workspace.faults.error("chat.update", error, times=None, channel=campaigns)

    stage.work("The text of the draft.")

    message = stage.armed(execution)
    assert message.channel == workspace.dm(ANA)
    assert f"I can no longer post in <#{campaigns}>" in message.everything
    assert workspace.click("Continue", by=ANA, message=message).ok
    stage.wait_until_read(message, f"Continued by <@{ANA}>")
    assert stage.reads.execution(execution.id).state is ExecutionState.RUNNING


def test_a_bot_kicked_between_post_and_buttons_asks_the_requester_directly(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    workspace, stage = own_workspace, own_stage
    execution = stage.start(by=ANA)
    workspace.wait_for(lambda: not stage.outbox.has_pending())
    campaigns = workspace.channel("campaigns").id
    workspace.faults.error("chat.update", "not_in_channel", times=None, channel=campaigns)

    stage.work()

    message = stage.armed(execution)
    assert message.channel == workspace.dm(ANA)
    unarmed = [m for m in stage.about(execution) if m.channel == campaigns]
    assert [m.buttons for m in unarmed] == [[]]


def test_a_reply_beneath_a_checkpoint_shown_in_a_direct_message_is_its_revision(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    workspace, stage = own_workspace, own_stage
    execution = stage.start(by=ANA)
    workspace.wait_for(lambda: not stage.outbox.has_pending())
    campaigns = workspace.channel("campaigns").id
    workspace.faults.error("chat.postMessage", "is_archived", times=None, channel=campaigns)
    stage.work()
    message = stage.armed(execution)

    workspace.mention("with more bells", by=ANA, thread=message)

    stage.wait_until_read(message, "with more bells")


def test_a_bot_kicked_before_its_first_post_tells_the_requester_directly(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    workspace, stage = own_workspace, own_stage
    campaigns = workspace.channel("campaigns").id
    workspace.faults.error("chat.postMessage", "not_in_channel", times=None, channel=campaigns)

    workspace.command("plan a launch", by=ANA)

    root = workspace.wait_for(stage.everywhere)[0]
    assert root.channel == workspace.dm(ANA)
    assert "a launch" in root.everything
    stage.work()
    message = stage.armed(stage.reads.executions()[0])
    assert message.channel == workspace.dm(ANA)
    workspace.click("Continue", by=ANA, message=message)
    stage.wait_until_read(message, "Continued by")


def test_an_archived_channel_still_lets_its_requester_decide(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    workspace, stage = own_workspace, own_stage
    execution = stage.start(by=ANA)
    workspace.wait_for(lambda: not stage.outbox.has_pending())
    workspace.archive("campaigns")

    stage.work()

    message = stage.armed(execution)
    assert message.channel == workspace.dm(ANA)
    workspace.click("Continue", by=ANA, message=message)
    stage.wait_until_read(message, "Continued by")
