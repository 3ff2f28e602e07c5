"""What deadlines and API clients do is shown in Slack too."""

from __future__ import annotations

from datetime import timedelta

from storage.decisions import Decision
from storage.records import Action, Actor, ActorKind
from storage.states import ExecutionState
from tests.slack.stage import Stage
from tests.support.factories import asking, crew, rule
from tests.support.message_snapshot import MessageSnapshot
from tests.support.workspace import ANA, BEN, Workspace

NIGHTLY = Actor(ActorKind.API, "nightly", "nightly <job>", decides_everything=True)


def in_thread(workspace: Workspace, message: MessageSnapshot, text: str) -> MessageSnapshot:
    return workspace.wait_for(
        lambda: next((m for m in workspace.thread(message) if text in m.everything), None),
        what=f"“{text}” in the thread",
    )


def test_a_deadline_that_passes_says_so_in_the_message_and_to_the_requester(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    stage, workspace = own_stage, own_workspace
    execution = stage.start(by=ANA)
    stage.work()
    message = stage.armed(execution)

    stage.clock.move(timedelta(hours=1, seconds=1))
    assert stage.state.expire_due() == 1

    shown = stage.wait_until_read(message, "Nobody decided in time; the deadline stopped the run")
    assert shown.buttons == []
    notice = in_thread(workspace, message, "nobody decided “Review the planning” in time")
    assert workspace.notified(notice) == {ANA}
    stage.wait_until_read(stage.root(execution), "Stopped by the deadline")
    workspace.click("Continue", by=BEN, message=message)
    stage.answer_to(BEN, "Too late, nothing was changed. :hourglass: Nobody decided in time")


def test_reminders_notify_those_who_may_decide_while_it_waits(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    stage, workspace = own_stage, own_workspace
    execution = stage.start("guarded a launch", by=ANA)
    stage.work()
    message = stage.armed(execution)

    stage.clock.move(timedelta(minutes=31))
    assert stage.state.remind_due() == 1
    first = in_thread(workspace, message, "this is still waiting")
    assert workspace.notified(first) == {BEN}
    assert "the run stops" in first.everything

    stage.clock.move(timedelta(minutes=24))
    assert stage.state.remind_due() == 1
    in_thread(workspace, message, "the time for this is nearly up")


def test_a_decision_through_the_api_changes_the_message(stage: Stage, workspace: Workspace) -> None:
    execution = stage.start()
    stage.work()
    message = stage.armed(execution)

    stage.state.decide(Decision(stage.waiting(execution).id, Action.CONTINUE, NIGHTLY))

    shown = stage.wait_until_read(message, "Continued by nightly &lt;job&gt; (through the API)")
    assert shown.buttons == []


def test_a_run_started_through_the_api_is_shown_and_decided_in_its_channel(
    stage: Stage, workspace: Workspace
) -> None:
    execution = stage.state.start_execution(
        definition=crew(decided_by=rule("@channel")),
        request=asking("a nightly plan"),
        requester=NIGHTLY,
        channel=workspace.channel("campaigns").id,
    )
    stage.work()

    message = stage.armed(execution)
    assert workspace.notified(message) == set()
    assert "nightly &lt;job&gt; (through the API) asked" in stage.root(execution).everything
    workspace.click("Continue", by=BEN, message=message)
    stage.wait_until_read(message, f"Continued by <@{BEN}>")


def test_a_run_without_a_channel_shows_nothing(stage: Stage, workspace: Workspace) -> None:
    before = len(stage.everywhere())
    execution = stage.state.start_execution(
        definition=crew(after=()), request=asking(), requester=NIGHTLY
    )
    for _ in range(3):
        stage.work()

    assert stage.reads.execution(execution.id).state is ExecutionState.COMPLETED
    assert not stage.outbox.has_pending()
    assert len(stage.everywhere()) == before


def test_the_root_message_shows_what_the_worker_reports(stage: Stage, workspace: Workspace) -> None:
    execution = stage.start()
    claim = stage.claim()
    tasks = [{"task": "write_plan", "agent": "Planner <x>", "state": "running"}]
    stage.state.progress(claim, {"tasks": tasks})

    root = stage.wait_until_read(stage.root(execution), "Working on planning (phase 1 of 3)")
    workspace.wait_for(lambda: "write plan" in str(workspace.again(root).blocks))
    assert "Planner ‹x›" in str(workspace.again(root).blocks)
