"""Deliveries that come twice, out of order or a day late, and sockets that die silently."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from bot.slack.inbound import sockets
from practice.faults.connections import go_silent
from storage.records import Execution
from tests.support.workspace import ANA, BEN
from tests.trouble.db import new_database
from tests.trouble.slack.answers import Fault
from tests.trouble.slack.stage import HurriedStage, hurried_stage


@pytest.fixture(scope="module")
def module_stage() -> Iterator[HurriedStage]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sockets, "PING_SECONDS", 0.5)  # to detect a dead socket soon
        with new_database("sqlite") as url, hurried_stage(url) as stage:
            yield stage


@pytest.fixture
def stage(module_stage: HurriedStage) -> Iterator[HurriedStage]:
    yield module_stage
    module_stage.workspace.duplicate()
    module_stage.tidy_up()


def decisions(stage: HurriedStage, execution: Execution) -> list[tuple[str, str]]:
    rows = stage.database.checkpoints()
    return [
        (row.action, row.actor) for row in rows if row.execution_id == execution.id and row.action
    ]


def test_a_delivery_that_comes_twice_counts_once_and_one_a_day_late_is_ignored(
    stage: HurriedStage,
) -> None:
    workspace = stage.workspace
    workspace.duplicate("interactive", "slash_commands", "events_api")
    execution = stage.begin()
    stage.work()
    workspace.mention("shorter, please", by=BEN, thread=stage.armed(execution))
    stage.until(lambda: decisions(stage, execution), "the revision")
    stage.work("a shorter draft")
    message = stage.armed(execution)
    assert workspace.click("Continue", by=ANA, message=message).ok
    workspace.duplicate()
    stage.end(execution)
    expected = [("revise", BEN), ("continue", ANA)]
    assert decisions(stage, execution) == expected

    sent = [*workspace.deliveries("interactive"), *workspace.deliveries("events_api")]
    stage.clock.move(timedelta(days=1))
    for delivery in reversed(sent):
        workspace.redeliver(delivery)
    stage.quiet()

    assert decisions(stage, execution) == expected
    assert all(row.log == ("decided",) for row in stage.database.checkpoints())
    assert stage.database.phase_states(execution.id) == ["done"] * 3
    assert len(stage.reads.executions()) == 1


@pytest.mark.parametrize("within_payload", [False, True])
def test_a_socket_that_dies_silently_is_replaced_and_the_next_click_counts(
    stage: HurriedStage, within_payload: bool
) -> None:
    workspace = stage.workspace
    execution = stage.begin()
    stage.work()
    message = stage.armed(execution)
    (link,) = workspace.practice.sockets.links
    workspace.call(lambda: go_silent(link.websocket, within_payload=within_payload))
    first = workspace.click("Continue", by=BEN, message=message)

    workspace.wait_for(
        lambda: workspace.click("Continue", by=BEN, message=message).ok,
        20,
        what="a click to arrive",
    )
    assert not first.ok
    assert first.notice
    stage.end(execution)
    assert decisions(stage, execution) == [("continue", BEN)]


def test_a_bot_whose_clock_is_an_hour_ahead_of_slacks_finds_what_it_posted(
    stage: HurriedStage,
) -> None:
    """Slack's timestamps are compared only with each other."""
    slack_workspace = stage.workspace.practice.workspace
    true_clock = slack_workspace.clock
    stage.workspace.call(lambda: setattr(slack_workspace, "clock", lambda: true_clock() - 3600))
    try:
        execution = stage.begin()
        stage.strike("chat.postMessage", Fault("lost_reply"))
        stage.work()
        message = stage.armed(execution)
        assert len(stage.about(execution)) == 1
        assert stage.workspace.click("Continue", by=ANA, message=message).ok
        stage.end(execution)
    finally:
        stage.workspace.call(lambda: setattr(slack_workspace, "clock", true_clock))
