"""People, rules and times as messages show them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.slack.render import people
from storage.definitions import DecisionRule
from storage.records import TIMEOUT, Actor, ActorKind
from tests.support.factories import ANA, BEN, NOON, rule

CLIENT = Actor(ActorKind.API, "client-7", "Web <shop>")


@pytest.mark.parametrize(
    ("actor", "shown"),
    [
        (BEN, "<@UBEN>"),
        (CLIENT, "Web &lt;shop&gt; (through the API)"),
        (replace(CLIENT, name=""), "client-7 (through the API)"),
        (TIMEOUT, "the deadline"),
        (Actor(ActorKind.SYSTEM, "operator"), "the operator"),
    ],
)
def test_only_people_of_slack_are_mentioned(actor: Actor, shown: str) -> None:
    assert people.person(actor) == shown


@pytest.mark.parametrize(
    ("decides", "shown"),
    [
        (rule("UBEN"), "<@UBEN>"),
        (rule("SLEADS"), "<!subteam^SLEADS>"),
        (rule("@requester"), "<@UANA>"),
        (rule("@channel"), "anyone here but guests"),
        (rule("UBEN", "SLEADS", "WEVE"), "<@UBEN>, <!subteam^SLEADS> or <@WEVE>"),
        (
            rule("UBEN", except_requester=True),
            "<@UBEN>, but not <@UANA>, who asked for it",
        ),
    ],
)
def test_a_rule_names_those_who_may_decide(decides: DecisionRule, shown: str) -> None:
    assert people.approvers(decides, ANA) == shown


@pytest.mark.parametrize(
    ("decides", "requester", "mentions"),
    [
        (rule("UBEN", "SLEADS"), ANA, ("<@UBEN>", "<!subteam^SLEADS>")),
        (rule("@channel"), ANA, ("<@UANA>",)),
        (rule("@requester", "@channel", "UANA"), ANA, ("<@UANA>",)),
        (rule("@channel"), CLIENT, ()),
        (rule("@channel", "UBEN"), CLIENT, ("<@UBEN>",)),
    ],
)
def test_a_new_checkpoint_notifies_the_named_once_each_and_never_a_whole_channel(
    decides: DecisionRule, requester: Actor, mentions: tuple[str, ...]
) -> None:
    assert people.notified(decides, requester) == mentions


def test_a_sentence_is_addressed_to_people_or_stands_by_itself() -> None:
    assert people.address(("<@UANA>", "<@UBEN>"), "this waits") == "<@UANA> <@UBEN>, this waits"
    assert people.address((), "this waits") == "This waits"


def test_a_time_is_shown_in_the_readers_zone_and_in_utc_where_slack_cannot() -> None:
    shown = people.when(NOON + timedelta(seconds=59))

    assert shown == "<!date^1772452859^{date_short_pretty} at {time}|2026-03-02 12:00 UTC>"


@pytest.mark.parametrize(
    ("span", "shown"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=1, minutes=1), "1 h 1 min"),
        (timedelta(hours=23, minutes=59), "23 h 59 min"),
        (timedelta(days=1), "1 d"),
        (timedelta(days=2, hours=4, minutes=30), "2 d 4 h"),
    ],
)
def test_a_duration_is_said_in_its_two_largest_units(span: timedelta, shown: str) -> None:
    assert people.duration(span) == shown
