"""Revise: by the form, by a reply, by a mention, or by accepting an offer."""

from __future__ import annotations

import pytest

from bot.slack.ids import TASKS_BLOCK, TEXT_BLOCK
from storage.records import Execution
from storage.states import CheckpointState, ExecutionState
from tests.slack.stage import Stage
from tests.support.message_snapshot import MessageSnapshot
from tests.support.workspace import ANA, BEN, GUS, Workspace


def waiting_run(stage: Stage, *, tasks: tuple[str, ...] = ()) -> tuple[Execution, MessageSnapshot]:
    execution = stage.start()
    stage.work("The first draft.", tasks=tasks)
    return execution, stage.armed(execution)


def next_revision(stage: Stage, execution: Execution) -> tuple[str, tuple[str, ...], int]:
    run = stage.reads.phase_runs(execution.id)[-1]
    return run.feedback, run.revise_tasks, run.revision


def test_the_form_takes_words_and_the_next_checkpoint_says_who_asked_for_what(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = waiting_run(stage)

    workspace.click("Revise", by=BEN, message=message)
    assert workspace.submit({TEXT_BLOCK: "Shorter, please.\nAnd <!channel> louder."}, by=BEN).ok

    revised = stage.wait_until_read(message, f"Revision requested by <@{BEN}>")
    assert "Shorter, please." in revised.everything
    assert revised.buttons == []
    assert next_revision(stage, execution) == (
        "Shorter, please.\nAnd <!channel> louder.",
        (),
        2,
    )
    stage.work("The second draft.")
    second = stage.armed(execution)
    assert "revision 2" in second.everything
    assert f"Revised because <@{BEN}> asked:\n> Shorter, please." in second.everything
    assert not second.pings.broadcasts
    assert second.everything.index("The second draft.") < second.everything.index("Shorter")


def test_an_empty_form_is_refused_beside_the_field(stage: Stage, workspace: Workspace) -> None:
    execution, message = waiting_run(stage)

    workspace.click("Revise", by=BEN, message=message)
    answer = workspace.submit({TEXT_BLOCK: "   "}, by=BEN)

    assert set(answer.errors) == {TEXT_BLOCK}
    assert stage.waiting(execution).state is CheckpointState.PENDING


def test_a_phase_with_several_outputs_asks_which_to_revise(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = waiting_run(stage, tasks=("sentiment", "trends"))

    workspace.click("Revise", by=BEN, message=message)
    workspace.submit({TEXT_BLOCK: "Newer numbers", TASKS_BLOCK: ["trends"]}, by=BEN)

    stage.wait_until_read(message, "To be revised: trends")
    assert next_revision(stage, execution) == ("Newer numbers", ("trends",), 2)


def test_all_outputs_are_revised_if_none_is_named(stage: Stage, workspace: Workspace) -> None:
    execution, message = waiting_run(stage, tasks=("sentiment", "trends"))

    workspace.click("Revise", by=BEN, message=message)
    workspace.submit({TEXT_BLOCK: "Bolder"}, by=BEN)

    stage.wait_until_read(message, "Revision requested")
    assert next_revision(stage, execution) == ("Bolder", ("sentiment", "trends"), 2)


def test_a_form_that_comes_too_late_says_so_in_the_form(stage: Stage, workspace: Workspace) -> None:
    execution, message = waiting_run(stage)
    workspace.click("Revise", by=BEN, message=message)
    workspace.open_view(BEN)
    workspace.click("Continue", by=ANA, message=message)

    workspace.submit({TEXT_BLOCK: "Too late"}, by=BEN)

    view = workspace.open_view(BEN)
    assert f"already continued by <@{ANA}>" in str(view.definition["blocks"])
    assert "submit" not in view.definition
    assert stage.reads.execution(execution.id).state is ExecutionState.RUNNING


def test_a_guest_gets_no_form(stage: Stage, workspace: Workspace) -> None:
    _, message = waiting_run(stage)

    workspace.click("Revise", by=GUS, message=message)

    stage.answer_to(GUS, "may not decide")
    assert not workspace.has_view(GUS)


def test_after_the_form_is_closed_the_next_reply_is_the_revision(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = waiting_run(stage)
    workspace.click("Revise", by=BEN, message=message)
    workspace.close_view(BEN)
    stage.answer_to(BEN, "Your next reply in this thread is taken as the revision")

    workspace.reply("Make it rhyme", by=BEN, thread=message)

    stage.wait_until_read(message, "Make it rhyme")
    assert next_revision(stage, execution)[0] == "Make it rhyme"


def test_after_never_mind_the_next_reply_is_a_comment(stage: Stage, workspace: Workspace) -> None:
    execution, message = waiting_run(stage)
    workspace.click("Revise", by=BEN, message=message)
    workspace.close_view(BEN)
    stage.answer_to(BEN, "Your next reply")

    workspace.click("Never mind", by=BEN)
    stage.answer_to(BEN, "Nothing was changed")
    workspace.reply("just thinking aloud", by=BEN, thread=message)

    stage.answer_to(BEN, "Shall I take what you wrote as a revision?")
    assert stage.waiting(execution).state is CheckpointState.PENDING


def test_when_slack_opens_no_form_the_next_reply_still_counts(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = waiting_run(stage)
    workspace.faults.error("views.open", "expired_trigger_id")

    workspace.click("Revise", by=BEN, message=message)
    stage.answer_to(BEN, "Your next reply in this thread is taken as the revision")
    workspace.reply("With more bells", by=BEN, thread=message)

    stage.wait_until_read(message, "With more bells")
    assert stage.reads.execution(execution.id).state is ExecutionState.RUNNING


def test_a_reply_that_mentions_the_bot_is_the_revision_without_the_mention(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = waiting_run(stage)

    workspace.mention("use more green & less <b>red</b>", by=ANA, thread=message)

    stage.wait_until_read(message, f"Revision requested by <@{ANA}>")
    assert next_revision(stage, execution)[0] == "use more green & less <b>red</b>"


def test_a_mention_by_somebody_who_may_not_decide_is_answered_and_changes_nothing(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = waiting_run(stage)

    workspace.mention("make it pink", by=GUS, thread=message)

    stage.answer_to(GUS, "may not decide")
    assert stage.waiting(execution).state is CheckpointState.PENDING


def test_a_comment_of_an_approver_is_offered_as_a_revision_and_used_by_a_click(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = waiting_run(stage)

    workspace.reply("I would start in May", by=ANA, thread=message)
    stage.answer_to(ANA, "Shall I take what you wrote as a revision?")
    assert stage.waiting(execution).state is CheckpointState.PENDING
    workspace.click("Use as the revision", by=ANA)

    stage.wait_until_read(message, "I would start in May")
    assert next_revision(stage, execution)[0] == "I would start in May"
    stage.answer_to(ANA, "Taken")


def test_an_edited_reply_is_used_as_it_is_when_the_offer_is_accepted(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = waiting_run(stage)
    reply = workspace.reply("start in Mai", by=ANA, thread=message)
    stage.answer_to(ANA, "Shall I take")

    workspace.edit(reply, "start in May")
    workspace.click("Use as the revision", by=ANA)

    stage.wait_until_read(message, "start in May")
    assert next_revision(stage, execution)[0] == "start in May"


def test_an_offer_refused_leaves_the_checkpoint_waiting(stage: Stage, workspace: Workspace) -> None:
    execution, message = waiting_run(stage)
    workspace.reply("hm", by=ANA, thread=message)
    stage.answer_to(ANA, "Shall I take")

    workspace.click("No", by=ANA)

    stage.answer_to(ANA, "nothing was changed")
    assert stage.waiting(execution).state is CheckpointState.PENDING


def test_comments_of_guests_and_edits_change_nothing_and_are_not_answered(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = waiting_run(stage)
    reply = workspace.reply("nice", by=GUS, thread=message)
    workspace.edit(reply, "<@U00SIGN001> nice")
    deliveries = [d for d in workspace.deliveries("events_api") if reply.ts in str(d.payload)]
    workspace.wait_for(lambda: len(deliveries) and all(d.taken for d in deliveries))

    assert workspace.ephemerals(GUS) == []
    assert stage.waiting(execution).state is CheckpointState.PENDING


def test_a_reply_delivered_twice_is_one_revision(stage: Stage, workspace: Workspace) -> None:
    execution, message = waiting_run(stage)
    workspace.duplicate("events_api")
    try:
        workspace.mention("shorter", by=ANA, thread=message)
        stage.wait_until_read(message, "Revision requested")
    finally:
        workspace.duplicate()

    assert [r.revision for r in stage.reads.phase_runs(execution.id)] == [1, 2]
    assert workspace.ephemerals(ANA) == []


def test_a_mention_is_answered_if_nothing_waits(stage: Stage, workspace: Workspace) -> None:
    execution = stage.start()

    workspace.mention("faster!", by=ANA, thread=stage.root(execution))

    stage.answer_to(ANA, "Nothing waits for a decision in this thread")


@pytest.mark.parametrize("words", ["looks good to me, go ahead", ":+1:"])
def test_words_that_say_yes_are_no_revision_but_offer_to_continue(
    stage: Stage, workspace: Workspace, words: str
) -> None:
    execution, message = waiting_run(stage)

    workspace.mention(words, by=ANA, thread=message)
    stage.answer_to(ANA, "Shall the run continue, or shall I take what you wrote as a revision?")
    assert stage.waiting(execution).state is CheckpointState.PENDING
    workspace.click("Continue", by=ANA)

    stage.wait_until_read(message, f"Continued by <@{ANA}>")
    stage.answer_to(ANA, "Taken: the run continues.")


def test_words_that_say_no_are_not_taken_for_a_revision_at_once(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = waiting_run(stage)

    workspace.mention("no, drop it", by=ANA, thread=message)

    stage.answer_to(ANA, "To end the run, click Stop on its message.")
    assert stage.waiting(execution).state is CheckpointState.PENDING
