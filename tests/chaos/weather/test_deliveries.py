"""Deliveries doubled, in another order or a day late, and sockets that die without a word."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from bot.slack.inbound import sockets
from practice.faults.connections import go_silent
from storage.records import Execution
from tests.chaos.weather.ground import ground
from tests.chaos.weather.house import House, house_on
from tests.support.message_snapshot import MessageSnapshot as Shown
from tests.support.workspace import ANA, BEN


@pytest.fixture(scope="module")
def opened() -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sockets, "PING_SECONDS", 0.5)  # so that a dead socket is soon found dead
        with ground("sqlite") as url, house_on(url) as house:
            yield house


@pytest.fixture
def house(opened: House) -> Iterator[House]:
    yield opened
    opened.workspace.duplicate()
    opened.tidy_up()


def armed(house: House, execution: Execution) -> Shown:
    house.until(lambda: house.armed_now(execution), "the checkpoint's buttons")
    shown = house.armed_now(execution)
    assert shown is not None
    return shown


def decisions(house: House, execution: Execution) -> list[tuple[str | None, str | None]]:
    found = house.books.standing().values()
    return [(c.action, c.actor) for c in found if c.execution == execution.id and c.action]


def test_what_comes_twice_counts_once_and_what_comes_a_day_late_counts_no_more(
    house: House,
) -> None:
    workspace = house.workspace
    workspace.duplicate("interactive", "slash_commands", "events_api")
    execution = house.begin()
    house.work()
    workspace.mention("shorter, please", by=BEN, thread=armed(house, execution))
    house.until(lambda: decisions(house, execution), "the revision")
    house.work("a shorter draft")
    shown = armed(house, execution)
    assert workspace.click("Continue", by=ANA, message=shown).ok
    workspace.duplicate()
    house.end(execution)
    expected = [("revise", BEN), ("continue", ANA)]
    assert decisions(house, execution) == expected

    sent = [*workspace.deliveries("interactive"), *workspace.deliveries("events_api")]
    house.clock.move(timedelta(days=1))
    for delivery in reversed(sent):
        workspace.redeliver(delivery)
    house.quiet()

    assert decisions(house, execution) == expected
    assert [states for states in house.books.decisions().values() if states != ["decided"]] == []
    assert house.books.runs()[execution.id] == ["done"] * 3
    assert len(house.reads.executions()) == 1


@pytest.mark.parametrize("within_payload", [False, True])
def test_a_socket_that_dies_without_a_word_is_replaced_and_the_next_click_counts(
    house: House, within_payload: bool
) -> None:
    workspace = house.workspace
    execution = house.begin()
    house.work()
    shown = armed(house, execution)
    (link,) = workspace.practice.sockets.links
    workspace.call(lambda: go_silent(link.websocket, within_payload=within_payload))
    first = workspace.click("Continue", by=BEN, message=shown)

    workspace.wait_for(
        lambda: workspace.click("Continue", by=BEN, message=shown).ok, 20, what="a click to arrive"
    )
    assert not first.ok
    assert first.notice
    house.end(execution)
    assert decisions(house, execution) == [("continue", BEN)]


def test_a_bot_whose_clock_is_an_hour_ahead_of_slacks_finds_what_it_posted(house: House) -> None:
    """Slack's times are Slack's: they are compared with one another alone."""
    slacks = house.workspace.practice.workspace
    agreed = slacks.clock
    house.workspace.call(lambda: setattr(slacks, "clock", lambda: agreed() - 3600))
    try:
        execution = house.begin()
        house.strike("chat.postMessage", "lost_reply")
        house.work()
        shown = armed(house, execution)
        assert len(house.about(execution)) == 1
        assert house.workspace.click("Continue", by=ANA, message=shown).ok
        house.end(execution)
    finally:
        house.workspace.call(lambda: setattr(slacks, "clock", agreed))
