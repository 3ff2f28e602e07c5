"""People read, edit and decide in modals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import update

from bot.slack import ids
from bot.slack.ids import ActionId, ChosenMore, MoreChoice, ShownCheckpoint
from practice.state.records import Json
from storage.db.tables import checkpoints
from storage.decisions import Decision
from storage.errors import Busy
from storage.output_hash import output_hash
from storage.records import Action, Execution, RevisionMeans
from storage.states import CheckpointState, ExecutionState
from tests.slack.stage import Stage
from tests.support.message_snapshot import MessageSnapshot, readable
from tests.support.workspace import ANA, BEN, GUS, Workspace

DRAFT = "The first draft. " + "It says what the campaign is about. " * 30
LONG = "\n\n".join(f"Paragraph {n}. {'word ' * 60}" for n in range(300))


def waiting_run(
    stage: Stage, output: str = "The first draft.", *, tasks: Sequence[str] = (), of: str = "plan"
) -> tuple[Execution, MessageSnapshot]:
    execution = stage.start(f"{of} a launch")
    stage.work(output, tasks=tasks)
    return execution, stage.armed(execution)


def use(stage: Stage, message: MessageSnapshot, action: Json, *, by: str = BEN) -> None:
    """Use an element of a card, as a screen that shows another version of it may."""
    assert stage.workspace.act(message, action, by=by).ok


def shown_of(stage: Stage, execution: Execution) -> ShownCheckpoint:
    checkpoint = stage.waiting(execution)
    return ShownCheckpoint(checkpoint.id, output_hash(checkpoint.output))


def read_it_all(message: MessageSnapshot, workspace: Workspace, *, by: str = BEN) -> None:
    assert workspace.click("Read it all", by=by, message=message).ok


def more(
    stage: Stage,
    execution: Execution,
    message: MessageSnapshot,
    choice: MoreChoice,
    *,
    by: str = BEN,
) -> None:
    """Choose from the card's menu More…"""
    option = {"value": ChosenMore(choice, shown_of(stage, execution)).encode()}
    assert stage.workspace.choose(ActionId.MORE, by=by, message=message, selected_option=option).ok


def in_front(workspace: Workspace, by: str = BEN) -> str:
    """What a person reads in the modal in front of them."""
    return "\n".join(readable(workspace.open_view(by).definition["blocks"]))


def wait_for_view(workspace: Workspace, words: str, by: str = BEN) -> str:
    workspace.wait_for(lambda: words in in_front(workspace, by), what=f"“{words}” in a modal")
    return in_front(workspace, by)


# --- the whole text -------------------------------------------------------------------------------


def test_a_long_text_is_read_page_by_page_and_decided_at_its_end(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = waiting_run(stage, LONG)

    read_it_all(message, workspace)
    assert "Paragraph 0." in wait_for_view(workspace, "page 1 of")
    assert not _has_button(workspace, ActionId.CONTINUE)
    pages = 1
    while _has_button(workspace, ActionId.NEXT_PAGE):
        pages += 1
        assert workspace.click_view(ActionId.NEXT_PAGE, by=BEN).ok
        wait_for_view(workspace, f"page {pages} of")
    assert "Paragraph 299." in in_front(workspace)
    assert workspace.click_view(ActionId.CONTINUE, by=BEN).ok

    wait_for_view(workspace, f"Continued by <@{BEN}>")
    assert not _has_button(workspace, ActionId.CONTINUE)
    stage.wait_until_read(message, f"Continued by <@{BEN}>")
    assert stage.reads.execution(execution.id).state is ExecutionState.RUNNING


def _has_button(workspace: Workspace, action_id: str, by: str = BEN) -> bool:
    return action_id in json.dumps(workspace.open_view(by).definition)


def test_a_guest_may_read_but_is_told_in_front_of_the_text_that_he_may_not_decide(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = waiting_run(stage, DRAFT)

    read_it_all(message, workspace, by=GUS)
    wait_for_view(workspace, "The first draft.", GUS)
    assert workspace.click_view(ActionId.CONTINUE, by=GUS).ok

    wait_for_view(workspace, "may not decide", GUS)
    assert stage.waiting(execution).state is CheckpointState.PENDING
    workspace.close_view(GUS)
    wait_for_view(workspace, "The first draft.", GUS)


def test_a_decision_in_a_modal_that_comes_too_late_is_refused_in_front_of_it(
    stage: Stage, workspace: Workspace
) -> None:
    _execution, message = waiting_run(stage, DRAFT)
    read_it_all(message, workspace)
    wait_for_view(workspace, "The first draft.")
    workspace.click("Stop", by=ANA, message=message)

    workspace.click_view(ActionId.CONTINUE, by=BEN)

    wait_for_view(workspace, f"already stopped by <@{ANA}>")


def test_revise_in_a_modal_opens_its_form_and_sending_it_closes_all(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = waiting_run(stage, DRAFT)
    read_it_all(message, workspace)
    wait_for_view(workspace, "The first draft.")

    workspace.click_view(ActionId.REVISE, by=BEN)
    workspace.wait_for(
        lambda: workspace.open_view(BEN).definition["callback_id"] == ids.REVISION_VIEW
    )
    assert workspace.submit({ids.TEXT_BLOCK: "Shorter"}, by=BEN).ok

    assert not workspace.has_view(BEN)
    stage.wait_until_read(message, "Revision requested")
    assert stage.reads.phase_runs(execution.id)[-1].feedback == "Shorter"


def test_a_click_on_a_card_whose_output_is_another_one_decides_nothing(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = waiting_run(stage, DRAFT)
    value = ShownCheckpoint(stage.waiting(execution).id, "0" * 32).encode()

    use(stage, message, {"type": "button", "action_id": ActionId.CONTINUE, "value": value})

    stage.answer_to(BEN, "This message is out of date")
    assert stage.waiting(execution).state is CheckpointState.PENDING


def test_when_slack_does_not_open_the_text_the_person_is_told_where_it_is(
    stage: Stage, workspace: Workspace
) -> None:
    _execution, message = waiting_run(stage, DRAFT)
    workspace.faults.error("views.open", "expired_trigger_id")

    read_it_all(message, workspace)

    stage.answer_to(BEN, "The whole text is in the thread")


# --- edits and earlier revisions ------------------------------------------------------------------


def test_an_edit_shows_a_new_card_with_the_text_which_is_then_decided(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = waiting_run(stage, "The first draft.\n\n  Indented.\n")

    more(stage, execution, message, MoreChoice.EDIT)
    view = workspace.open_view(BEN)
    field = next(b["block_id"] for b in view.definition["blocks"] if b["type"] == "input")
    assert workspace.submit({field: "The text of Ben.\n\n  Indented."}, by=BEN).ok

    assert not workspace.has_view(BEN)
    second = stage.armed(execution)
    assert stage.waiting(execution).output.output == "The text of Ben.\n\n  Indented."
    decided = stage.reads.checkpoints(execution.id)[0].feedback
    assert decided is not None
    assert (decided.means, decided.actor.id) == (RevisionMeans.EDIT, BEN)
    workspace.click("Continue", by=ANA, message=second)
    stage.wait_until_read(second, f"Continued by <@{ANA}>")


def test_an_edit_without_a_change_is_refused_in_words_and_stays_open(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = waiting_run(stage, "x " * 4_000, tasks=("one", "two"))

    more(stage, execution, message, MoreChoice.EDIT)
    workspace.open_view(BEN)
    answer = workspace.submit(by=BEN)

    assert "shows already" in str(answer.errors)
    assert stage.waiting(execution).revision == 1


def test_a_guest_cannot_open_an_edit(stage: Stage, workspace: Workspace) -> None:
    execution, message = waiting_run(stage)

    more(stage, execution, message, MoreChoice.EDIT, by=GUS)

    stage.answer_to(GUS, "may not decide")


def test_an_earlier_revision_is_read_and_brought_back_to_be_decided(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = waiting_run(stage, "The first draft.")
    workspace.mention("Shorter", by=ANA, thread=message)
    stage.wait_until_read(message, "Revision requested")
    stage.work("The second draft.")
    second = stage.armed(execution)

    more(stage, execution, second, MoreChoice.EARLIER)
    wait_for_view(workspace, "Revision 1")
    workspace.click_view(ActionId.CHOOSE_REVISION, by=BEN)
    wait_for_view(workspace, "All earlier revisions")
    assert workspace.submit(by=BEN).ok

    third = stage.armed(execution)
    assert third.ts != second.ts
    assert stage.waiting(execution).output.output == "The first draft."
    assert stage.waiting(execution).revision == 3


def test_what_changed_shows_the_difference_next_to_the_words(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = waiting_run(stage, "The first draft about bikes.")
    workspace.mention("Name it second", by=ANA, thread=message)
    stage.wait_until_read(message, "Revision requested")
    stage.work("The second draft about bikes.")

    more(stage, execution, stage.armed(execution), MoreChoice.CHANGES, by=GUS)

    text = wait_for_view(workspace, f"<@{ANA}> asked:", GUS)
    assert "Name it second" in text
    assert "1 word added, 1 removed" in text


def open_long_changes(stage: Stage, workspace: Workspace) -> MessageSnapshot:
    """What changed, of a second revision in which every word is another one. Returns its card."""
    old, new = ("\n\n".join(f"{word} " * 300 for _ in range(80)) for word in ("Old", "New"))
    execution, message = waiting_run(stage, old)
    workspace.mention("Another one", by=ANA, thread=message)
    stage.wait_until_read(message, "Revision requested")
    stage.work(new)
    card = stage.armed(execution)
    more(stage, execution, card, MoreChoice.CHANGES)
    wait_for_view(workspace, "page 1 of")
    return card


def test_a_long_difference_can_be_posted_as_a_file_in_the_thread(
    stage: Stage, workspace: Workspace
) -> None:
    card = open_long_changes(stage, workspace)
    assert workspace.click_view(ActionId.CHANGES_FILE, by=BEN).ok

    wait_for_view(workspace, "being posted as a file in the thread")
    comment = f"What changed from revision 1 to revision 2, as <@{BEN}> asked."
    workspace.wait_for(
        lambda: any(comment in each.text for each in workspace.thread(card)), what="the file"
    )
    [posted] = [each for each in workspace.thread(card) if comment in each.text]
    content = workspace.file_text(posted)
    assert "[-Old" in content
    assert "{+New" in content


def test_when_slack_takes_no_file_of_what_changed_the_person_is_told(
    stage: Stage, workspace: Workspace
) -> None:
    open_long_changes(stage, workspace)
    workspace.faults.error("files.completeUploadExternal", "file_uploads_disabled")

    assert workspace.click_view(ActionId.CHANGES_FILE, by=BEN).ok

    stage.answer_to(BEN, "Slack did not take the file.")


# --- the form on Continue -------------------------------------------------------------------------


def test_continue_asks_for_the_values_of_the_form_and_shows_what_is_wrong_at_the_fields(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = waiting_run(stage, of="formed")

    assert workspace.click("Continue", by=BEN, message=message).ok
    workspace.open_view(BEN)
    assert stage.waiting(execution).state is CheckpointState.PENDING
    wrong = workspace.submit({"field_0": "5", "field_1": "1"}, by=BEN)
    assert wrong.errors == {"field_0": "Enter 10 or more."}
    assert workspace.submit({"field_0": "20", "field_1": "1"}, by=BEN).ok

    stage.wait_until_read(message, f"Continued by <@{BEN}>")
    decided = stage.reads.checkpoints(execution.id)[0].feedback
    assert decided is not None
    assert decided.values == {"budget": 20, "place": "Porto", "note": ""}


def test_when_slack_does_not_open_the_form_nothing_is_decided_and_the_person_is_told(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = waiting_run(stage, of="formed")
    workspace.faults.error("views.open", "expired_trigger_id")

    workspace.click("Continue", by=BEN, message=message)

    stage.answer_to(BEN, "did not open the form, so nothing was decided")
    assert stage.waiting(execution).state is CheckpointState.PENDING


# --- words that come too late ---------------------------------------------------------------------


def too_late(stage: Stage, workspace: Workspace, words: str) -> Execution:
    """Ben sends the revision form after Ana's revision led to another checkpoint."""
    execution, message = waiting_run(stage)
    workspace.click("Revise", by=BEN, message=message)
    workspace.open_view(BEN)
    workspace.click("Continue", by=ANA, message=message)
    stage.work("The analysis.")
    stage.armed(execution)
    assert workspace.submit({ids.TEXT_BLOCK: words}, by=BEN).ok
    return execution


def test_words_that_come_too_late_can_be_sent_to_the_next_checkpoint(
    stage: Stage, workspace: Workspace
) -> None:
    execution = too_late(stage, workspace, "Shorter, please")

    text = wait_for_view(workspace, f"already continued by <@{ANA}>")
    assert "Review the analysis" in text
    view = workspace.open_view(BEN)
    about = ids.FormView.decode(view.definition["private_metadata"])
    assert about.about == shown_of(stage, execution)
    assert workspace.submit(by=BEN).ok

    last = stage.reads.phase_runs(execution.id)[-1]
    assert (last.phase, last.feedback, last.revision) == ("analysis", "Shorter, please", 2)


def test_words_of_somebody_who_may_not_decide_the_next_checkpoint_are_given_back_to_copy(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = waiting_run(stage)
    workspace.click("Revise", by=BEN, message=message)
    workspace.open_view(BEN)
    workspace.click("Continue", by=ANA, message=message)
    stage.work("The analysis.")
    stage.armed(execution)
    _let_decide(stage, execution, "UNOBODY")

    workspace.submit({ids.TEXT_BLOCK: "Shorter, please"}, by=BEN)

    text = wait_for_view(workspace, "Your words, to copy:")
    assert "Shorter, please" in text
    assert "submit" not in workspace.open_view(BEN).definition


def _let_decide(stage: Stage, execution: Execution, approver: str) -> None:
    checkpoint = stage.waiting(execution)
    rule = replace(checkpoint.rule, approvers=(approver,))
    with stage.engine.begin() as connection:
        connection.execute(
            update(checkpoints).where(checkpoints.c.id == checkpoint.id).values(rule=rule)
        )


def test_an_edit_that_comes_too_late_is_given_back(stage: Stage, workspace: Workspace) -> None:
    execution, message = waiting_run(stage, of="bounded")
    workspace.mention("First", by=ANA, thread=message)
    stage.wait_until_read(message, "Revision requested")
    stage.work("The second draft.")
    second = stage.armed(execution)
    more(stage, execution, second, MoreChoice.EDIT)
    workspace.open_view(BEN)
    requester = stage.reads.execution(execution.id).requester
    stage.state.decide(Decision(stage.waiting(execution).id, Action.CONTINUE, requester))

    field = next(
        b["block_id"] for b in workspace.open_view(BEN).definition["blocks"] if b["type"] == "input"
    )
    workspace.submit({field: "Ben's own text"}, by=BEN)

    assert "Ben's own text" in wait_for_view(workspace, "Your words, to copy:")


def test_a_busy_database_leaves_the_form_open_with_the_words(
    stage: Stage, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution, message = waiting_run(stage)
    workspace.click("Revise", by=BEN, message=message)
    workspace.open_view(BEN)

    def busy(_decision: Decision) -> None:
        raise Busy("held by somebody else")

    with monkeypatch.context() as patched:
        patched.setattr(stage.state, "decide", busy)
        answer = workspace.submit({ids.TEXT_BLOCK: "Shorter"}, by=BEN)

    assert "too busy" in answer.errors[ids.TEXT_BLOCK]
    assert workspace.submit({ids.TEXT_BLOCK: "Shorter"}, by=BEN).ok
    assert stage.reads.phase_runs(execution.id)[-1].feedback == "Shorter"


def test_a_text_that_is_too_long_is_edited_in_a_file_sent_to_the_thread(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = waiting_run(stage, LONG)
    more(stage, execution, message, MoreChoice.EDIT)
    wait_for_view(workspace, "send it as a text file")

    workspace.attach("", {"plan.md": b"The text of a file."}, by=BEN, thread=message)

    stage.answer_to(BEN, "*plan.md* is the new text")
    assert stage.waiting(execution).output.output == "The text of a file."
    assert stage.waiting(execution).revision == 2


def test_a_file_of_somebody_who_did_not_press_edit_is_no_edit(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = waiting_run(stage, LONG)

    workspace.attach("", {"plan.md": b"The text of a file."}, by=BEN, thread=message)

    stage.answer_to(BEN, "Shall I take what you wrote as a revision?")
    assert stage.waiting(execution).revision == 1
