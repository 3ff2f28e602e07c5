"""Lessons: kept by a click, given to later runs, listed and deleted."""

from __future__ import annotations

from practice.seed import RANDOM
from storage.records import Execution
from tests.slack.stage import Stage
from tests.support.message_snapshot import MessageSnapshot
from tests.support.workspace import ANA, BEN, GUS, Workspace


def revised(
    stage: Stage, workspace: Workspace, text: str, *, crew: str = "learner"
) -> tuple[Execution, MessageSnapshot]:
    execution = stage.start(f"{crew} a launch", by=ANA)
    stage.work()
    message = stage.armed(execution)
    workspace.mention(text, by=BEN, thread=message)
    stage.wait_until_read(message, "Revision requested")
    return execution, message


def test_a_revision_is_kept_by_a_click_and_the_next_checkpoint_says_it_was_applied(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = revised(stage, workspace, "name the <prices>")
    workspace.wait_for(lambda: workspace.live_buttons(message) == ["Keep as a lesson"])

    assert workspace.click("Keep as a lesson", by=BEN, message=message).ok

    answer = stage.answer_to(BEN, "Kept: from now on every run of *learner*")
    assert "name the &lt;prices&gt;" in answer
    stage.work()
    assert "lessons applied (1): “name the ‹prices›”" in stage.armed(execution).everything


def test_a_guest_keeps_no_lesson(stage: Stage, workspace: Workspace) -> None:
    before = stage.reads.lessons("learner")
    _, message = revised(stage, workspace, "no lesson of mine")

    workspace.click("Keep as a lesson", by=GUS, message=message)

    stage.answer_to(GUS, "may not decide this")
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
    stage.answer_to(BEN, "Kept")

    workspace.command("lessons", by=ANA)
    answer = stage.answer_to(ANA, "*Lessons of learner*")
    assert "always rhyme" in answer
    assert f"kept by <@{BEN}>" in answer
    workspace.click("Delete", by=ANA)

    assert "*learner* has no lessons yet" in stage.answer_to(
        ANA, "Deleted; later runs no longer get it"
    )
    assert stage.reads.lessons("learner") == ()
    assert all(shown.button("Delete") is None for shown in workspace.ephemerals(ANA))
    stage.work()
    assert "lessons applied" not in stage.armed(execution).everything


def test_a_lesson_is_deleted_only_where_its_crew_works(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    stage, workspace = own_stage, own_workspace
    _, message = revised(stage, workspace, "always rhyme")
    workspace.click("Keep as a lesson", by=BEN, message=message)
    stage.answer_to(BEN, "Kept")
    workspace.invite("random")

    workspace.command("lessons", by=ANA, in_=RANDOM)
    stage.answer_to(ANA, "always rhyme")
    workspace.click("Delete", by=ANA)

    stage.answer_to(ANA, "can only be deleted in a channel")
    assert len(stage.reads.lessons("learner")) == 1


def test_a_guest_deletes_no_lesson(own_stage: Stage, own_workspace: Workspace) -> None:
    stage, workspace = own_stage, own_workspace
    _, message = revised(stage, workspace, "always rhyme")
    workspace.click("Keep as a lesson", by=BEN, message=message)
    stage.answer_to(BEN, "Kept")

    workspace.command("lessons learner", by=GUS)
    stage.answer_to(GUS, "always rhyme")
    workspace.click("Delete", by=GUS)

    stage.answer_to(GUS, "may not decide this")
    assert len(stage.reads.lessons("learner")) == 1


def test_deleting_a_lesson_twice_says_that_it_no_longer_exists(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    stage, workspace = own_stage, own_workspace
    _, message = revised(stage, workspace, "always rhyme")
    workspace.click("Keep as a lesson", by=BEN, message=message)
    stage.answer_to(BEN, "Kept")
    for person in (ANA, BEN):
        workspace.command("lessons learner", by=person)
        stage.answer_to(person, "Lessons of learner")

    for person in (ANA, BEN):
        workspace.click("Delete", by=person)

    stage.answer_to(BEN, "This lesson no longer exists")
    assert stage.reads.lessons("learner") == ()


def test_crews_that_keep_no_lessons_and_unknown_crews_are_answered(
    stage: Stage, workspace: Workspace
) -> None:
    workspace.command("lessons plan")
    stage.answer_to(ANA, "*plan* keeps no lessons")
    workspace.command("lessons learnr")
    stage.answer_to(ANA, "Did you mean `learner`?")
