"""Actors: cached, refreshed, reloaded when in doubt, and unknown if Slack does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from slack_sdk import WebClient

from bot.slack.inbound.parse import Person
from bot.slack.people.actors import People
from bot.slack.people.directory import Identity, is_external, to_profile
from practice.state.records import User
from storage.records import Actor
from tests.slack.stage import MovableClock, Stage
from tests.support.workspace import ANA, BEN, BOT, GUS, OLGA, REVIEWERS, Workspace


@pytest.fixture(scope="module")
def slack() -> Iterator[Workspace]:
    with Workspace() as opened:
        yield opened


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def people(slack: Workspace, shared: Stage, clock: MovableClock) -> Iterator[People]:
    client = WebClient(
        token="xoxb-practice", base_url=slack.env()["SLACK_API_URL"], timeout=3, retry_handlers=[]
    )
    looked_up = People(client, reads=shared.reads, clock=clock, timeout=0.5)
    yield looked_up
    looked_up.close()
    slack.faults.clear()


def actor(people: People, user: str, channel: str = "C00CAMPAIGN") -> Actor:
    return people.for_start(Person(user), channel=channel)


def test_members_guests_external_people_and_groups_are_told_apart(people: People) -> None:
    ana, ben, gus, olga = (actor(people, user) for user in (ANA, BEN, GUS, OLGA))
    assert (ana.channel_member, ana.guest, ana.external) == (True, False, False)
    assert ben.groups == {REVIEWERS}
    assert ana.groups == frozenset()
    assert ana.groups_known
    assert (gus.channel_member, gus.guest) == (True, True)
    assert (olga.channel_member, olga.external) == (True, True)
    assert actor(people, GUS, "C00RANDOM01").channel_member is False
    assert ana.name == "Ana Lindqvist"


def test_slack_is_asked_once_for_many_clicks(people: People, slack: Workspace) -> None:
    before = len(slack.calls("conversations.members"))
    for _ in range(20):
        actor(people, ANA)
        actor(people, BEN)
    assert len(slack.calls("conversations.members")) == before + 1


def test_old_profiles_are_loaded_again(
    people: People, slack: Workspace, clock: MovableClock
) -> None:
    assert actor(people, ANA).guest is False
    before = len(slack.calls("users.info"))
    clock.move(timedelta(minutes=10))
    actor(people, ANA)
    assert len(slack.calls("users.info")) == before
    clock.move(timedelta(minutes=2))
    actor(people, ANA)
    assert len(slack.calls("users.info")) == before + 1


def test_a_refresh_reloads_everything_in_use(
    people: People, slack: Workspace, clock: MovableClock
) -> None:
    actor(people, ANA)
    clock.move(timedelta(minutes=5))
    before = len(slack.calls("users.info"))
    people.refresh()
    slack.wait_for(lambda: len(slack.calls("users.info")) == before + 1)
    clock.move(timedelta(minutes=8))
    actor(people, ANA)
    assert len(slack.calls("users.info")) == before + 1


def test_somebody_who_joined_a_moment_ago_is_a_member_soon(
    people: People, slack: Workspace, clock: MovableClock
) -> None:
    slack.add_user(User("U00NEW0001", "new", "New", "T00PRACTICE"))
    assert actor(people, "U00NEW0001").channel_member is False
    slack.invite("campaigns", "U00NEW0001")
    clock.move(timedelta(seconds=21))
    assert actor(people, "U00NEW0001").channel_member is True


def test_what_slack_does_not_answer_in_time_is_unknown_until_it_does(
    people: People, slack: Workspace
) -> None:
    slack.faults.hang("users.info", 0.9)
    assert actor(people, BEN).guest is None
    slack.wait_for(lambda: actor(people, BEN).guest is False)


def test_what_slack_refuses_to_answer_is_unknown(people: People, slack: Workspace) -> None:
    slack.faults.error("conversations.members", "missing_scope", times=None)
    slack.faults.error("usergroups.list", "missing_scope", times=None)
    ana = actor(people, ANA)
    assert ana.channel_member is None
    assert not ana.groups_known


def test_large_channels_are_read_to_their_end(people: People, slack: Workspace) -> None:
    crowd = [f"U00MANY{number:04}" for number in range(1100)]
    members = slack.practice.workspace.channels["C00GENERAL1"].members
    slack.call(lambda: members.extend(crowd))
    assert actor(people, ANA, "C00GENERAL1").channel_member is True
    assert actor(people, crowd[-1], "C00GENERAL1").channel_member is True


def test_the_bot_knows_itself_and_where_it_is(people: People) -> None:
    bot = people.bot()
    assert bot is not None
    assert (bot.user, bot.name) == (BOT, "countersign")
    here, there, nowhere = (
        people.channel_info(c) for c in ("C00CAMPAIGN", "C00RANDOM01", "C0NOWHERE")
    )
    assert here is not None
    assert here.joined
    assert there is not None
    assert not there.joined
    assert nowhere is not None
    assert not nowhere.joined


def test_an_approver_whom_slack_cannot_look_up_is_refused_and_told_why(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    stage, workspace = own_stage, own_workspace
    execution = stage.start(by=ANA)
    stage.work()
    message = stage.armed(execution)
    workspace.faults.error("users.info", "internal_error", times=None)

    workspace.click("Continue", by=BEN, message=message)

    stage.answer_to(BEN, "Slack cannot tell me right now whether you may decide this")
    assert "Continue to analysis" in workspace.live_buttons(message)
    workspace.faults.clear()
    workspace.click("Continue", by=BEN, message=message)
    stage.wait_until_read(message, f"Continued by <@{BEN}>")


OURS = Identity("UBOT", "T1", "countersign", enterprise="E1")


@pytest.mark.parametrize(
    ("user", "external"),
    [
        ({"team_id": "T1"}, False),
        ({"team_id": "T2"}, True),
        ({"team_id": "T2", "enterprise_user": {"enterprise_id": "E1", "teams": ["T2"]}}, False),
        ({"team_id": "T2", "enterprise_user": {"enterprise_id": "E2", "teams": ["T2"]}}, True),
        ({"enterprise_user": {"enterprise_id": "E1", "teams": ["T1", "T3"]}}, False),
        ({"team_id": "E1", "enterprise_user": {"teams": ["T1"]}}, False),
        ({"team_id": "E1", "enterprise_id": "E1"}, False),
        ({"name": "ana"}, None),
        ({"team_id": None, "enterprise_user": {}}, None),
        ({"is_stranger": True, "enterprise_user": {"enterprise_id": "E1"}}, True),
    ],
)
def test_people_of_the_own_organization_are_told_from_external_ones(
    user: dict[str, Any], external: bool | None
) -> None:
    assert is_external(to_profile(user), OURS) is external


def test_without_an_organization_an_empty_one_is_not_the_own(people: People) -> None:
    alone = Identity("UBOT", "T1", "countersign")
    assert is_external(to_profile({"team_id": "T2", "enterprise_id": ""}), alone) is True


def test_a_plan_without_user_groups_is_told_from_an_answer_that_is_missing(
    people: People, slack: Workspace
) -> None:
    slack.faults.error("usergroups.list", "plan_upgrade_required", times=None)
    ana = actor(people, ANA)
    assert not ana.groups_known
    assert not ana.groups_offered
    assert not people.has_groups()
    before = len(slack.calls("usergroups.list"))
    actor(people, BEN)
    assert len(slack.calls("usergroups.list")) == before


def test_a_click_under_a_rule_with_a_group_names_the_plan(
    own_stage: Stage, own_workspace: Workspace
) -> None:
    stage, workspace = own_stage, own_workspace
    execution = stage.start("group bees")
    stage.work()
    message = stage.armed(execution)
    workspace.faults.error("usergroups.list", "plan_upgrade_required", times=None)
    stage.restart()

    workspace.click("Continue", by=BEN, message=message)

    stage.answer_to(BEN, "this workspace's Slack plan has none")


def test_a_run_that_only_a_group_may_decide_is_not_started_without_groups(
    own_stage: Stage, own_workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    stage, workspace = own_stage, own_workspace
    workspace.faults.error("usergroups.list", "plan_upgrade_required", times=None)
    caplog.set_level("WARNING")
    stage.restart()
    workspace.wait_for(
        lambda: any(record.message == "slack.no_user_groups" for record in caplog.records),
        what="the warning at the start",
    )

    workspace.command("group bees and flowers")

    answer = stage.answer_to(ANA, "Only members of a user group may decide in *group*")
    assert "```/crew group bees and flowers```" in answer
    assert stage.reads.executions() == ()


def test_the_channels_that_somebody_shares_with_the_bot(
    people: People, slack: Workspace, clock: MovableClock
) -> None:
    campaigns, general = (slack.channel(name).id for name in ("campaigns", "general"))

    assert people.shared_channels(ANA) == {campaigns, general}  # #random is without the bot
    assert people.shared_channels(OLGA) == {campaigns}
    assert people.shared_channels("U00NOBODY1") == frozenset()

    before = len(slack.calls("users.conversations"))
    people.shared_channels(OLGA)
    assert len(slack.calls("users.conversations")) == before
    slack.invite("general", OLGA)
    clock.move(timedelta(seconds=21))
    assert people.shared_channels(OLGA) == {campaigns, general}
