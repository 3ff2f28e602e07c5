"""Lessons: kept by a click, told to later runs, listed and deleted."""

from __future__ import annotations

from practice.seed import RANDOM
from storage.records import Execution
from tests.slack.stage import Stage
from tests.support.message_snapshot import MessageSnapshot
from tests.support.workspace import ANA, BEN, GUS, Workspace


def revised(
    stage: Stage, workspace: Workspace, words: str, *, crew: str = "learner"
) -> tuple[Execution, MessageSnapshot]:
    execution = stage.start(f"{crew} a launch", by=ANA)
    stage.work()
    message = stage.armed(execution)
    workspace.mention(words, by=BEN, thread=message)
    stage.wait_until_read(message, "Revision asked for")
    return execution, message


def test_a_revision_is_kept_by_a_click_and_the_next_checkpoint_says_it_was_applied(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = revised(stage, workspace, "name the <prices>")
    workspace.wait_for(lambda: workspace.live_buttons(message) == ["Keep as a lesson"])

    assert workspace.click("Keep as a lesson", by=BEN, message=message).ok

    told = stage.told(BEN, "Kept: from now on every run of *learner*")
    assert "name the &lt;prices&gt;" in told
    stage.work()
    assert "Lessons applied (1): “name the &lt;prices&gt;”" in stage.armed(execution).everything


def test_who_may_not_decide_keeps_no_lesson(stage: Stage, workspace: Workspace) -> None:
    before = stage.reads.lessons("learner")
    _, message = revised(stage, workspace, "no lesson of mine")

    workspace.click("Keep as a lesson", by=GUS, message=message)

    stage.told(GUS, "may not decide this")
    assert stage.reads.lessons("learner") == before


def test_a_crew_that_keeps_no_lessons_offers_none(stage: Stage, workspace: Workspace) -> None:
    _, message = revised(stage, workspace, "shorter", crew="plan")

    assert workspace.live_buttons(message) == []


def test_lessons_are_listed_and_deleted_by_a_click(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    stage, workspace = own_stage, own_workspace
    execution, message = revised(stage, workspace, "always rhyme")
    workspace.click("Keep as a lesson", by=BEN, message=message)
    stage.told(BEN, "Kept")

    workspace.command("lessons", by=ANA)
    told = stage.told(ANA, "*Lessons of learner*")
    assert "always rhyme" in told
    assert f"kept by <@{BEN}>" in told
    workspace.click("Delete", by=ANA)

    assert "*learner* has no lessons yet" in stage.told(ANA, "Deleted; later runs are no longer")
    assert stage.reads.lessons("learner") == ()
    assert all(shown.button("Delete") is None for shown in workspace.ephemerals(ANA))
    stage.work()
    assert "Lessons applied" not in stage.armed(execution).everything


def test_a_lesson_is_deleted_only_where_its_crew_works(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    stage, workspace = own_stage, own_workspace
    _, message = revised(stage, workspace, "always rhyme")
    workspace.click("Keep as a lesson", by=BEN, message=message)
    stage.told(BEN, "Kept")
    workspace.invite("random")

    workspace.command("lessons", by=ANA, in_=RANDOM)
    stage.told(ANA, "always rhyme")
    workspace.click("Delete", by=ANA)

    stage.told(ANA, "are deleted where it works")
    assert len(stage.reads.lessons("learner")) == 1


def test_a_guest_deletes_no_lesson(own_stage: Stage, own_workspace: Workspace) -> None:
    stage, workspace = own_stage, own_workspace
    _, message = revised(stage, workspace, "always rhyme")
    workspace.click("Keep as a lesson", by=BEN, message=message)
    stage.told(BEN, "Kept")

    workspace.command("lessons learner", by=GUS)
    stage.told(GUS, "always rhyme")
    workspace.click("Delete", by=GUS)

    stage.told(GUS, "may not decide this")
    assert len(stage.reads.lessons("learner")) == 1


def test_a_lesson_deleted_twice_is_told_to_be_gone(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    stage, workspace = own_stage, own_workspace
    _, message = revised(stage, workspace, "always rhyme")
    workspace.click("Keep as a lesson", by=BEN, message=message)
    stage.told(BEN, "Kept")
    for person in (ANA, BEN):
        workspace.command("lessons learner", by=person)
        stage.told(person, "Lessons of learner")

    for person in (ANA, BEN):
        workspace.click("Delete", by=person)

    stage.told(BEN, "This lesson is no longer there")
    assert stage.reads.lessons("learner") == ()


def test_of_crews_that_keep_none_and_of_unknown_ones_it_is_said_so(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.command("lessons plan")
    stage.told(ANA, "*plan* keeps no lessons")
    workspace.command("lessons learnr")
    stage.told(ANA, "Did you mean `learner`?")
