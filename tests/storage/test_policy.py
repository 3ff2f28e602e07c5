"""Who may decide, who may cancel or retry, and when a waiting checkpoint reminds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from storage.definitions import DecisionRule, OnTimeout
from storage.policy import (
    ACTION_OF_TIMEOUT,
    EVENT_OF_ACTION,
    Refusal,
    may_decide,
    may_manage,
    reminder_times,
    same_person,
)
from storage.records import TIMEOUT, Action, Actor, ActorKind
from storage.states import CheckpointState, next_checkpoint
from tests.support.factories import ANA, BEN, GUS, NOON, member, rule

SYSTEM = Actor(ActorKind.SYSTEM, "operator")
CLIENT = Actor(ActorKind.API, "client", "A web client")
ADMIN = replace(CLIENT, decides_everything=True)
EXTERNAL = replace(BEN, external=True)
ABSENT = replace(BEN, channel_member=False)
UNASKED = Actor(ActorKind.SLACK, "UBEN")
"""Ben, if Slack did not answer any question about him."""

WITH_GROUP = member("UBEN", groups=("SLEADS",))


@pytest.mark.parametrize(
    ("decides", "actor"),
    [
        (rule("UBEN"), BEN),
        (rule("UBEN"), UNASKED),
        (rule("UBEN"), replace(GUS, id="UBEN")),
        (rule("UEVE", "UBEN"), BEN),
        (rule("SLEADS"), WITH_GROUP),
        (rule("SOTHERS", "SLEADS"), WITH_GROUP),
        (rule("@channel"), BEN),
        (rule("@channel"), replace(BEN, groups_known=False)),
        (rule("@channel", "UGUS"), GUS),
        (rule("@channel", except_requester=True), BEN),
        (rule("@requester"), ANA),
        (rule("@channel"), ANA),
        (rule("UEVE"), TIMEOUT),
        (rule("UEVE"), ADMIN),
    ],
)
def test_those_whom_the_rule_names_may_decide(decides: DecisionRule, actor: Actor) -> None:
    verdict = may_decide(decides, actor=actor, requester=ANA)

    assert verdict.allowed
    assert verdict.refusal is None


@pytest.mark.parametrize(
    ("decides", "actor", "refusal"),
    [
        (rule("UEVE"), BEN, Refusal.NOT_AN_APPROVER),
        (rule("UEVE"), UNASKED, Refusal.NOT_AN_APPROVER),
        (rule("UEVE"), ANA, Refusal.NOT_AN_APPROVER),
        (rule("UEVE"), GUS, Refusal.NOT_AN_APPROVER),
        (rule("UEVE"), SYSTEM, Refusal.NOT_AN_APPROVER),
        (rule("@requester"), BEN, Refusal.NOT_AN_APPROVER),
        (rule("SLEADS"), BEN, Refusal.NOT_AN_APPROVER),
        (rule("SLEADS"), UNASKED, Refusal.UNKNOWN),
        (rule("UEVE", "SLEADS"), UNASKED, Refusal.UNKNOWN),
        (rule("@channel"), ABSENT, Refusal.NOT_AN_APPROVER),
        (rule("@channel", "SLEADS"), replace(ABSENT, groups_known=False), Refusal.UNKNOWN),
        (rule("@channel"), GUS, Refusal.GUEST),
        (rule("@channel"), EXTERNAL, Refusal.GUEST),
        (rule("@channel"), replace(GUS, channel_member=None), Refusal.GUEST),
        (rule("@channel"), replace(EXTERNAL, guest=None), Refusal.GUEST),
        (rule("@channel"), UNASKED, Refusal.UNKNOWN),
        (rule("@channel"), replace(BEN, channel_member=None), Refusal.UNKNOWN),
        (rule("@channel"), replace(BEN, guest=None), Refusal.UNKNOWN),
        (rule("@channel"), replace(BEN, external=None), Refusal.UNKNOWN),
    ],
)
def test_nobody_else_may_decide_and_unknown_facts_are_refused(
    decides: DecisionRule, actor: Actor, refusal: Refusal
) -> None:
    verdict = may_decide(decides, actor=actor, requester=ANA)

    assert not verdict.allowed
    assert verdict.refusal is refusal


@pytest.mark.parametrize("approvers", [("UANA",), ("@channel",), ("@requester",)])
def test_four_eyes_refuse_the_requester_regardless_of_the_rule(
    approvers: tuple[str, ...],
) -> None:
    verdict = may_decide(rule(*approvers, except_requester=True), actor=ANA, requester=ANA)

    assert verdict.refusal is Refusal.IS_THE_REQUESTER


def test_an_actor_who_decides_everything_also_decides_their_own_runs() -> None:
    four_eyes = rule("UEVE", except_requester=True)

    assert may_decide(four_eyes, actor=ADMIN, requester=ADMIN).allowed


def test_a_client_of_the_api_decides_its_own_runs_where_requesters_may() -> None:
    assert may_decide(rule("@requester"), actor=CLIENT, requester=CLIENT).allowed


def test_a_slack_id_gives_no_rights_through_the_api() -> None:
    impostor = replace(WITH_GROUP, kind=ActorKind.API)

    for approver in ("UBEN", "SLEADS", "@channel"):
        verdict = may_decide(rule(approver), actor=impostor, requester=ANA)
        assert verdict.refusal is Refusal.NOT_AN_APPROVER
    verdict = may_decide(rule("@requester"), actor=impostor, requester=BEN)
    assert verdict.refusal is Refusal.NOT_AN_APPROVER


def test_a_person_is_the_same_under_another_name_but_not_in_another_front_end() -> None:
    assert same_person(BEN, replace(BEN, name="Benjamin", guest=None))
    assert not same_person(BEN, ANA)
    assert not same_person(BEN, replace(BEN, kind=ActorKind.API))


@pytest.mark.parametrize(
    ("rules", "actor"),
    [
        ((), ANA),
        ((rule("UEVE", except_requester=True),), ANA),
        ((), SYSTEM),
        ((), ADMIN),
        ((rule("UBEN"),), BEN),
        ((rule("UEVE"), rule("UBEN")), BEN),
        ((rule("UBEN"), rule("SLEADS")), UNASKED),
    ],
)
def test_the_requester_and_the_approvers_of_any_checkpoint_may_cancel_and_retry(
    rules: tuple[DecisionRule, ...], actor: Actor
) -> None:
    assert may_manage(rules, actor=actor, requester=ANA).allowed


@pytest.mark.parametrize(
    ("rules", "actor", "refusal"),
    [
        ((), BEN, Refusal.NEITHER_REQUESTER_NOR_APPROVER),
        ((rule("UEVE"), rule("@requester")), BEN, Refusal.NEITHER_REQUESTER_NOR_APPROVER),
        ((rule("@channel"),), GUS, Refusal.NEITHER_REQUESTER_NOR_APPROVER),
        ((rule("UEVE"),), CLIENT, Refusal.NEITHER_REQUESTER_NOR_APPROVER),
        ((rule("UEVE"), rule("SLEADS")), UNASKED, Refusal.UNKNOWN),
    ],
)
def test_nobody_else_may_cancel_or_retry(
    rules: tuple[DecisionRule, ...], actor: Actor, refusal: Refusal
) -> None:
    assert may_manage(rules, actor=actor, requester=ANA).refusal is refusal


@pytest.mark.parametrize(
    ("action", "state"),
    [
        (Action.CONTINUE, CheckpointState.APPROVED),
        (Action.REVISE, CheckpointState.REVISED),
        (Action.STOP, CheckpointState.REJECTED),
        (Action.SKIP, CheckpointState.SKIPPED),
    ],
)
def test_each_action_leaves_a_checkpoint_in_its_own_state(
    action: Action, state: CheckpointState
) -> None:
    assert next_checkpoint(CheckpointState.PENDING, EVENT_OF_ACTION[action]) is state


@pytest.mark.parametrize(
    ("on_timeout", "action"),
    [
        (OnTimeout.CONTINUE, Action.CONTINUE),
        (OnTimeout.SKIP, Action.SKIP),
        (OnTimeout.STOP, Action.STOP),
        (OnTimeout.FAIL, None),
    ],
)
def test_a_timeout_does_what_its_policy_says(on_timeout: OnTimeout, action: Action | None) -> None:
    assert ACTION_OF_TIMEOUT[on_timeout] is action


@pytest.mark.parametrize(
    ("wait", "half", "last"),
    [
        (timedelta(seconds=59), None, None),
        (timedelta(seconds=60), timedelta(seconds=30), None),
        (timedelta(seconds=299), timedelta(seconds=149.5), None),
        (timedelta(minutes=5), timedelta(minutes=2.5), timedelta(seconds=30)),
        (timedelta(minutes=100), timedelta(minutes=50), timedelta(minutes=10)),
        (timedelta(minutes=150), timedelta(minutes=75), timedelta(minutes=15)),
        (timedelta(hours=24), timedelta(hours=12), timedelta(minutes=15)),
    ],
)
def test_a_checkpoint_reminds_at_half_time_and_shortly_before_its_deadline(
    wait: timedelta, half: timedelta | None, last: timedelta | None
) -> None:
    deadline = NOON + wait
    expected = {} if half is None else {"half": NOON + half}
    expected |= {} if last is None else {"last": deadline - last}

    assert reminder_times(NOON, deadline) == expected
