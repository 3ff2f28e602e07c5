"""The facts of people: kept, refreshed, doubted, and unknown where Slack does not tell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from slack_sdk import WebClient

from bot.slack.inbound.parse import Person
from bot.slack.people.actors import People
from practice.state.records import User
from storage.records import Actor
from tests.slack.stage import MovableClock, Stage
from tests.support.workspace import ANA, BEN, BOT, GUS, OLGA, REVIEWERS, Workspace


@pytest.fixture(scope="module")
def told() -> Iterator[Workspace]:
    with Workspace() as opened:
        yield opened


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def people(told: Workspace, shared: Stage, clock: MovableClock) -> Iterator[People]:
    client = WebClient(
        token="xoxb-practice", base_url=told.env()["SLACK_API_URL"], timeout=3, retry_handlers=[]
    )
    made = People(client, reads=shared.reads, clock=clock, within=0.5)
    yield made
    made.close()
    told.faults.clear()


def starting(people: People, user: str, channel: str = "C00CAMPAIGN") -> Actor:
    return people.starting(Person(user), channel=channel)


def test_members_guests_strangers_and_groups_are_told_apart(people: People) -> None:
    ana, ben, gus, olga = (starting(people, user) for user in (ANA, BEN, GUS, OLGA))
    assert (ana.channel_member, ana.guest, ana.external) == (True, False, False)
    assert ben.groups == {REVIEWERS}
    assert ana.groups == frozenset()
    assert ana.groups_known
    assert (gus.channel_member, gus.guest) == (True, True)
    assert (olga.channel_member, olga.external) == (True, True)
    assert starting(people, GUS, "C00RANDOM01").channel_member is False
    assert ana.name == "Ana Lindqvist"


def test_slack_is_asked_once_for_many_clicks(people: People, told: Workspace) -> None:
    before = len(told.calls("conversations.members"))
    for _ in range(20):
        starting(people, ANA)
        starting(people, BEN)
    assert len(told.calls("conversations.members")) == before + 1


def test_facts_are_asked_anew_when_they_are_old(
    people: People, told: Workspace, clock: MovableClock
) -> None:
    assert starting(people, ANA).guest is False
    before = len(told.calls("users.info"))
    clock.move(timedelta(minutes=10))
    starting(people, ANA)
    assert len(told.calls("users.info")) == before
    clock.move(timedelta(minutes=2))
    starting(people, ANA)
    assert len(told.calls("users.info")) == before + 1


def test_a_refresh_brings_all_that_is_in_use_up_to_date(
    people: People, told: Workspace, clock: MovableClock
) -> None:
    starting(people, ANA)
    clock.move(timedelta(minutes=5))
    before = len(told.calls("users.info"))
    people.refresh()
    told.wait_for(lambda: len(told.calls("users.info")) == before + 1)
    clock.move(timedelta(minutes=8))
    starting(people, ANA)
    assert len(told.calls("users.info")) == before + 1


def test_somebody_who_joined_a_moment_ago_is_a_member_soon(
    people: People, told: Workspace, clock: MovableClock
) -> None:
    told.add_user(User("U00NEW0001", "new", "New", "T00PRACTICE"))
    assert starting(people, "U00NEW0001").channel_member is False
    told.invite("campaigns", "U00NEW0001")
    clock.move(timedelta(seconds=21))
    assert starting(people, "U00NEW0001").channel_member is True


def test_what_slack_does_not_tell_in_time_is_unknown_and_comes_later(
    people: People, told: Workspace
) -> None:
    told.faults.hang("users.info", 0.9)
    assert starting(people, BEN).guest is None
    told.wait_for(lambda: starting(people, BEN).guest is False)


def test_what_slack_refuses_to_tell_is_unknown(people: People, told: Workspace) -> None:
    told.faults.error("conversations.members", "missing_scope", times=None)
    told.faults.error("usergroups.list", "missing_scope", times=None)
    ana = starting(people, ANA)
    assert ana.channel_member is None
    assert not ana.groups_known


def test_large_channels_are_read_to_their_end(people: People, told: Workspace) -> None:
    crowd = [f"U00MANY{number:04}" for number in range(1100)]
    members = told.practice.workspace.channels["C00GENERAL1"].members
    told.call(lambda: members.extend(crowd))
    assert starting(people, ANA, "C00GENERAL1").channel_member is True
    assert starting(people, crowd[-1], "C00GENERAL1").channel_member is True


def test_the_bot_knows_itself_and_where_it_is(people: People) -> None:
    bot = people.bot()
    assert bot is not None
    assert (bot.user, bot.name) == (BOT, "countersign")
    here, there, nowhere = (people.place(c) for c in ("C00CAMPAIGN", "C00RANDOM01", "C0NOWHERE"))
    assert here is not None
    assert here.joined
    assert there is not None
    assert not there.joined
    assert nowhere is not None
    assert not nowhere.joined


def test_an_approver_whom_slack_tells_nothing_of_is_refused_and_told_why(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    stage, workspace = own_stage, own_workspace
    execution = stage.start(by=ANA)
    stage.work()
    message = stage.armed(execution)
    workspace.faults.error("users.info", "internal_error", times=None)

    workspace.click("Continue", by=BEN, message=message)

    stage.told(BEN, "Slack does not tell me right now whether you may decide this")
    assert "Continue to analysis" in workspace.live_buttons(message)
    workspace.faults.clear()
    workspace.click("Continue", by=BEN, message=message)
    stage.wait_until_read(message, f"Continued by <@{BEN}>")
