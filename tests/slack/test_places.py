"""Where the bot answers outside runs: direct and group messages, mentions, and greetings."""

from __future__ import annotations

from tests.slack.group_messages import command_in_group
from tests.slack.stage import Stage
from tests.support.workspace import ANA, BOT, Workspace


def test_a_mention_outside_a_thread_is_answered_with_the_help_for_its_author_only(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.say(f"<@{BOT}> what can you do?", in_="general")

    assert "/crew plan your request" in stage.answer_to(ANA, "runs a crew")
    assert "runs a crew" not in str([m.everything for m in workspace.messages("general")])


def test_a_mention_that_is_delivered_twice_is_answered_once(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.say(f"<@{BOT}> hello", in_="general")
    stage.answer_to(ANA, "runs a crew")
    workspace.redeliver(workspace.deliveries("events_api")[-1])
    workspace.say(f"<@{BOT}> and again", in_="campaigns")

    workspace.wait_for(lambda: len(_helps(workspace)) == 2, what="the second help")
    assert len(_helps(workspace)) == 2


def _helps(workspace: Workspace) -> list[str]:
    return [m.everything for m in workspace.ephemerals(ANA) if "runs a crew" in m.everything]


def test_a_direct_message_is_answered_there_and_an_edit_is_not(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    workspace = own_workspace
    direct = workspace.dm(ANA)
    said = workspace.say("hello", in_=direct)
    workspace.wait_for(lambda: len(_answers(workspace, direct)) == 1, what="the help")

    workspace.edit(said, "hello there")
    workspace.say("and now?", in_=direct)

    workspace.wait_for(lambda: len(_answers(workspace, direct)) > 1, what="the second help")
    assert len(_answers(workspace, direct)) == 2


def _answers(workspace: Workspace, direct: str) -> list[str]:
    return [m.everything for m in workspace.messages(direct) if "runs a crew" in m.everything]


def test_whoever_invites_the_bot_is_greeted_with_the_command(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    own_workspace.invite("random")

    own_workspace.wait_for(
        lambda: any("Type `/crew`" in m.everything for m in own_workspace.messages("random")),
        what="the greeting",
    )


def test_in_a_message_with_several_people_the_command_is_refused_with_its_text(
    stage: Stage, workspace: Workspace
) -> None:
    before = stage.reads.executions()
    assert command_in_group(workspace, "plan a launch for bells")

    answer = stage.answer_to(ANA, "A run needs a channel")
    assert "```/crew plan a launch for bells```" in answer
    assert stage.reads.executions() == before
