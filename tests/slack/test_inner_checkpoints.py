"""Deciding what arises inside a crew: gates, tool calls, questions, budgets."""

from __future__ import annotations

from datetime import timedelta

from bot.slack import ids
from storage.records import (
    Action,
    CheckpointKind,
    Claim,
    Execution,
    Feedback,
    Pause,
    PhaseOutput,
    Question,
)
from storage.states import CheckpointState, ExecutionState
from tests.slack.stage import Stage
from tests.support.message_snapshot import MessageSnapshot
from tests.support.workspace import ANA, BEN, GUS, Workspace

TOOL = Question(
    CheckpointKind.TOOL,
    "search_web",
    "search_web:1",
    "The researcher wants to search the web.",
    shown='{"query": "bikes `now`\u202e"}',
)
QUESTION = Question(CheckpointKind.QUESTION, "ask", "ask:1", "Which town is it for?")
BUDGET = Question(
    CheckpointKind.BUDGET,
    "budget",
    "budget:1",
    "The budget is used up. Go on?",
    shown="Spent so far: *12,000 tokens* of 10,000.",
)


def a_gate(*outcomes: str, default: str | None = None) -> PhaseOutput:
    return PhaseOutput(
        output="A draft to look at.",
        pause=Pause("review", "Is the draft good?", outcomes, default, saved={"round": 1}),
    )


def at_gate(
    stage: Stage, *outcomes: str, default: str | None = None, crew: str = "flow"
) -> tuple[Execution, MessageSnapshot]:
    execution = stage.start(f"{crew} a launch", by=ANA)
    stage.pause(a_gate(*outcomes, default=default))
    return execution, stage.armed(execution)


def ask(stage: Stage, question: Question) -> tuple[Execution, Claim, MessageSnapshot]:
    execution = stage.start("plan a launch", by=ANA)
    claim = stage.ask(question)
    return execution, claim, stage.armed(execution)


def flow_feedback(stage: Stage) -> Feedback:
    """The feedback that the flow resumes with."""
    resume = stage.claim().resume
    assert resume is not None
    return resume.feedback


def child_feedback(stage: Stage, execution: Execution) -> Feedback:
    """The feedback that the waiting child reads."""
    feedback = stage.reads.checkpoints(execution.id)[-1].feedback
    assert feedback is not None, "nobody answered"
    return feedback


# -- gates ---------------------------------------------------------------------------------


def test_each_outcome_of_a_gate_is_a_button_and_the_message_says_which_was_chosen(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = at_gate(stage, "approved", "needs_work")
    assert workspace.live_buttons(message) == [
        "approved",
        "needs_work",
        "Add words…",
        "Stop the run",
    ]
    assert "Gate review · run" in message.everything
    assert "A draft to look at." in message.everything

    assert workspace.click("needs_work", by=BEN, message=message).ok

    decided = stage.wait_until_read(message, f"“needs_work” chosen by <@{BEN}>")
    assert decided.buttons == []
    assert flow_feedback(stage).outcome == "needs_work"
    root = stage.wait_until_read(stage.root(execution), "Outcome: needs_work")
    assert "Working on after review" in root.everything


def test_an_outcome_with_words_is_chosen_in_a_form(stage: Stage, workspace: Workspace) -> None:
    _, message = at_gate(stage, "approved", "needs_work")
    checkpoint = message.buttons[0].value

    workspace.click("Add words", by=BEN, message=message)
    answer = workspace.submit(
        {ids.TEXT_BLOCK: "fine, but name the prices", ids.OUTCOME_BLOCK: f"{checkpoint} 0"}, by=BEN
    )

    assert answer.ok
    decided = stage.wait_until_read(message, f"“approved” chosen by <@{BEN}>")
    assert "fine, but name the prices" in decided.everything
    feedback = flow_feedback(stage)
    assert (feedback.action, feedback.outcome, feedback.text) == (
        Action.CONTINUE,
        "approved",
        "fine, but name the prices",
    )


def test_a_reply_that_names_an_outcome_chooses_it(stage: Stage, workspace: Workspace) -> None:
    _, message = at_gate(stage, "approved", "needs_work")

    workspace.mention("Needs work!", by=BEN, thread=message)

    stage.wait_until_read(message, f"“needs_work” chosen by <@{BEN}>")
    assert flow_feedback(stage).outcome == "needs_work"


def test_a_reply_that_says_yes_at_a_gate_with_outcomes_is_offered_the_outcomes(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = at_gate(stage, "publish", "needs_work")

    workspace.mention("looks good", by=BEN, thread=message)

    stage.answer_to(BEN, "Click an outcome.")
    assert stage.waiting(execution).state is CheckpointState.PENDING
    workspace.click("publish", by=BEN)
    stage.wait_until_read(message, f"“publish” chosen by <@{BEN}>")
    assert flow_feedback(stage).outcome == "publish"


def test_an_outcome_named_without_a_mention_is_offered_as_a_button(
    stage: Stage, workspace: Workspace
) -> None:
    _, message = at_gate(stage, "approved", "needs_work")

    workspace.reply("needs work :grimacing:", by=BEN, thread=message)
    stage.answer_to(BEN, "Click an outcome.")
    workspace.click("needs work", by=BEN)

    stage.wait_until_read(message, f"“needs_work” chosen by <@{BEN}>")


def at_method(stage: Stage, *, revisable: bool = True) -> tuple[Execution, MessageSnapshot]:
    """A flow at a checkpoint of crews.yml, before its method `publish`."""
    pause = Pause("publish", at="before", revisable=revisable, saved={"steps": {}})
    execution = stage.start("flow a launch", by=ANA)
    stage.pause(PhaseOutput("A draft to look at.", pause=pause))
    return execution, stage.armed(execution)


def test_a_revision_at_a_method_runs_the_phase_again_with_the_words(
    stage: Stage, workspace: Workspace
) -> None:
    _, message = at_method(stage)
    assert "Checkpoint · before publish" in message.everything

    workspace.mention("shorter", by=BEN, thread=message)

    stage.wait_until_read(message, f"Revision requested by <@{BEN}>")
    claim = stage.claim()
    assert (claim.run.phase_index, claim.run.revision, claim.run.feedback) == (0, 2, "shorter")
    assert claim.previous is not None
    assert claim.previous.pause is not None


def test_words_at_a_method_that_cannot_be_revised_are_refused(
    stage: Stage, workspace: Workspace
) -> None:
    execution, message = at_method(stage, revisable=False)
    assert workspace.live_buttons(message) == ["Continue", "Skip", "Stop"]

    workspace.mention("shorter", by=BEN, thread=message)

    stage.answer_to(BEN, "This can only be decided by Continue or Stop or Skip.")
    assert stage.waiting(execution).state is CheckpointState.PENDING


def test_many_outcomes_are_shown_in_a_menu(stage: Stage, workspace: Workspace) -> None:
    outcomes = [f"outcome {n}" for n in range(30)]
    _, message = at_gate(stage, *outcomes)
    assert workspace.live_buttons(message) == ["Add words…", "Stop the run"]
    menu = next(b["elements"][0] for b in message.blocks if b["type"] == "actions")

    answer = workspace.choose(
        ids.ActionId.OUTCOME, by=BEN, message=message, selected_option=menu["options"][27]
    )

    assert answer.ok
    stage.wait_until_read(message, f"“outcome 27” chosen by <@{BEN}>")
    assert flow_feedback(stage).outcome == "outcome 27"


def test_a_guest_chooses_no_outcome_and_gets_no_form(stage: Stage, workspace: Workspace) -> None:
    execution, message = at_gate(stage, "approved", "needs_work")

    workspace.click("approved", by=GUS, message=message)
    stage.answer_to(GUS, "Guests and people of other workspaces may not decide this")
    workspace.click("Add words", by=GUS, message=message)

    workspace.wait_for(lambda: len(workspace.ephemerals(GUS)) == 2)
    assert not workspace.has_view(GUS)
    assert stage.waiting(execution).state is CheckpointState.PENDING


def test_a_second_choice_of_an_outcome_is_too_late_and_told_the_first(
    stage: Stage, workspace: Workspace
) -> None:
    _, message = at_gate(stage, "approved", "needs_work")
    workspace.click("approved", by=ANA, message=message)

    workspace.click("needs_work", by=BEN, message=message)

    assert f"“approved” chosen by <@{ANA}>" in stage.answer_to(BEN, "Too late")
    assert flow_feedback(stage).outcome == "approved"


def test_a_gate_without_outcomes_takes_a_revision_as_the_flows_feedback(
    stage: Stage, workspace: Workspace
) -> None:
    _, message = at_gate(stage)
    assert workspace.live_buttons(message) == ["Continue", "Revise", "Skip", "Stop"]

    workspace.click("Revise", by=BEN, message=message)
    workspace.submit({ids.TEXT_BLOCK: "with more bells"}, by=BEN)

    stage.wait_until_read(message, f"Revision requested by <@{BEN}>")
    assert flow_feedback(stage).text == "with more bells"


def test_a_gate_that_is_reached_again_counts_its_rounds(stage: Stage, workspace: Workspace) -> None:
    execution, message = at_gate(stage)
    for number in (2, 3):
        workspace.mention("once more", by=BEN, thread=message)
        stage.wait_until_read(message, "Revision requested")
        stage.pause(a_gate())
        message = stage.armed(execution)
        assert f"Gate review · round {number} · run" in message.everything


def test_the_deadline_chooses_the_default_outcome_as_the_message_announced(
    own_stage: Stage,
) -> None:
    stage = own_stage
    _, message = at_gate(stage, "approved", "needs_work", default="needs_work", crew="hasty")
    assert "then “needs_work” is chosen" in message.everything

    stage.clock.move(timedelta(hours=2))
    stage.state.expire_due()

    stage.wait_until_read(message, "Nobody decided in time; the deadline chose “needs_work”")
    assert flow_feedback(stage).outcome == "needs_work"


# -- a tool call ---------------------------------------------------------------------------


def test_a_tool_call_is_shown_exactly_and_allowed_by_a_click(
    stage: Stage, workspace: Workspace
) -> None:
    execution, claim, message = ask(stage, TOOL)
    assert workspace.live_buttons(message) == [
        "Continue: call it",
        "Revise: refuse with words",
        "Skip: do not call it",
        "Stop",
    ]
    assert "Tool call · in phase planning" in message.everything
    assert "`search_web`" in message.everything
    assert '{"query": "bikes `now`\\u202e"}' in message.everything
    root = stage.wait_until_read(stage.root(execution), "Asking whether a tool may be called in")
    assert "Waiting for a decision" not in root.everything

    workspace.click("Continue", by=BEN, message=message)

    stage.wait_until_read(message, f"Continued by <@{BEN}>: the tool is called")
    assert child_feedback(stage, execution).action is Action.CONTINUE
    stage.state.phase_done(claim, PhaseOutput("The plan."))
    assert "The plan." in stage.armed(execution).everything


def test_a_call_is_refused_with_words_that_the_agent_reads(
    stage: Stage, workspace: Workspace
) -> None:
    execution, _, message = ask(stage, TOOL)

    workspace.click("Revise", by=BEN, message=message)
    assert workspace.open_view(BEN).definition["title"]["text"] == "Refuse the call"
    workspace.submit({ids.TEXT_BLOCK: "our own pages only"}, by=BEN)

    decided = stage.wait_until_read(message, f"Refused by <@{BEN}>: the tool is not called")
    assert "our own pages only" in decided.everything
    assert child_feedback(stage, execution).action is Action.REVISE


def test_a_reply_to_a_tool_call_is_offered_as_its_refusal(
    stage: Stage, workspace: Workspace
) -> None:
    execution, _, message = ask(stage, TOOL)

    workspace.reply("better not", by=BEN, thread=message)
    stage.answer_to(BEN, "Shall I take what you wrote as your refusal of the call?")
    workspace.click("Use as the refusal", by=BEN)

    stage.wait_until_read(message, "Refused by")
    stage.answer_to(BEN, "the agent reads what you wrote")
    assert child_feedback(stage, execution).text == "better not"


def test_stop_at_a_tool_call_ends_the_run(stage: Stage, workspace: Workspace) -> None:
    execution, _, message = ask(stage, TOOL)

    workspace.click("Stop", by=BEN, message=message)

    stage.wait_until_read(message, f"Stopped by <@{BEN}>")
    assert stage.reads.execution(execution.id).state is ExecutionState.STOPPED


# -- a question ----------------------------------------------------------------------------


def test_a_question_is_answered_in_a_form(stage: Stage, workspace: Workspace) -> None:
    execution, _, message = ask(stage, QUESTION)
    assert workspace.live_buttons(message) == ["Continue: answer", "Skip: give no answer", "Stop"]
    assert "Which town is it for?" in message.everything
    assert "produced no text" not in message.everything

    workspace.click("Continue: answer", by=BEN, message=message)
    assert set(workspace.submit({ids.TEXT_BLOCK: "  "}, by=BEN).errors) == {ids.TEXT_BLOCK}
    assert workspace.submit({ids.TEXT_BLOCK: "Ghent"}, by=BEN).ok

    decided = stage.wait_until_read(message, f"Answered by <@{BEN}>")
    assert "Ghent" in decided.everything
    feedback = child_feedback(stage, execution)
    assert (feedback.action, feedback.text) == (Action.CONTINUE, "Ghent")


def test_a_reply_that_mentions_the_bot_is_the_answer(stage: Stage, workspace: Workspace) -> None:
    execution, _, message = ask(stage, QUESTION)

    workspace.mention("Ghent & around", by=ANA, thread=message)

    stage.wait_until_read(message, f"Answered by <@{ANA}>")
    feedback = child_feedback(stage, execution)
    assert (feedback.action, feedback.text) == (Action.CONTINUE, "Ghent & around")


def test_a_reply_delivered_again_does_not_answer_the_next_question(
    stage: Stage, workspace: Workspace
) -> None:
    execution, claim, message = ask(stage, QUESTION)
    mention = workspace.mention("Ghent", by=ANA, thread=message)
    stage.wait_until_read(message, "Answered by")
    delivery = next(d for d in workspace.deliveries("events_api") if mention.ts in str(d.payload))
    stage.state.ask(claim, Question(CheckpointKind.QUESTION, "ask", "ask:2", "And which year?"))
    stage.armed(execution)

    assert workspace.redeliver(delivery).ok

    assert stage.waiting(execution).description == "And which year?"
    assert workspace.ephemerals(ANA) == []


def test_talk_is_offered_as_the_answer_and_taken_by_a_click(
    stage: Stage, workspace: Workspace
) -> None:
    execution, _, message = ask(stage, QUESTION)

    workspace.reply("Ghent I think", by=ANA, thread=message)
    stage.answer_to(ANA, "Shall I take what you wrote as the answer?")
    workspace.click("Use as the answer", by=ANA)

    stage.wait_until_read(message, f"Answered by <@{ANA}>")
    assert child_feedback(stage, execution).action is Action.CONTINUE


def test_a_guests_answer_is_refused_with_a_reason(stage: Stage, workspace: Workspace) -> None:
    execution, _, message = ask(stage, QUESTION)

    workspace.mention("Ghent", by=GUS, thread=message)

    stage.answer_to(GUS, "may not decide")
    assert stage.waiting(execution).state is CheckpointState.PENDING


def test_when_slack_opens_no_form_the_answer_can_be_a_reply(
    stage: Stage, workspace: Workspace
) -> None:
    _, _, message = ask(stage, QUESTION)
    workspace.faults.error("views.open", "expired_trigger_id")

    workspace.click("Continue: answer", by=BEN, message=message)

    stage.answer_to(BEN, "reply in the thread and mention me")
    workspace.mention("Ghent", by=BEN, thread=message)
    stage.wait_until_read(message, f"Answered by <@{BEN}>")


def test_a_question_whose_child_died_says_that_it_needs_no_decision(
    own_stage: Stage,
) -> None:
    stage = own_stage
    execution, _, message = ask(stage, QUESTION)
    stage.clock.move(timedelta(minutes=5))

    stage.ask(QUESTION)

    stage.wait_until_read(message, "No longer needs a decision: the work that asked has ended")
    assert stage.armed(execution).ts != message.ts


# -- the budget ----------------------------------------------------------------------------


def test_over_budget_shows_what_was_spent_and_goes_on_by_a_click(
    stage: Stage, workspace: Workspace
) -> None:
    execution, _, message = ask(stage, BUDGET)
    assert workspace.live_buttons(message) == ["Continue", "Stop"]
    assert "12,000 tokens" in message.everything

    workspace.mention("spend less", by=BEN, thread=message)
    stage.answer_to(BEN, "This needs a click")
    workspace.click("Continue", by=BEN, message=message)

    stage.wait_until_read(message, f"Continued by <@{BEN}>: the run goes on")
    assert child_feedback(stage, execution).action is Action.CONTINUE
