"""People, rules and times as messages show them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import assert_never

from bot.slack.render import text
from bot.slack.render.message import listed
from storage.definitions import DecisionRule
from storage.policy import CHANNEL, REQUESTER
from storage.records import Actor, ActorKind


def person(actor: Actor) -> str:
    """A mention of a Slack user, else a name. A mention in an update notifies nobody."""
    match actor.kind:
        case ActorKind.SLACK:
            return f"<@{actor.id}>"
        case ActorKind.API:
            return text.line(actor.name or actor.id, 80) + " (through the API)"
        case ActorKind.TIMEOUT:
            return "the deadline"
        case ActorKind.SYSTEM:
            return "the operator"
        case _:
            assert_never(actor.kind)


def approvers(rule: DecisionRule, requester: Actor) -> str:
    """Who may decide, as text with mentions."""
    names: list[str] = []
    for approver in rule.approvers:
        if approver == CHANNEL:
            names.append("anyone here but guests")
        elif approver == REQUESTER:
            names.append(person(requester))
        elif approver.startswith("S"):
            names.append(f"<!subteam^{approver}>")
        else:
            names.append(f"<@{approver}>")
    except_requester = (
        f", but not {person(requester)}, who asked for it" if rule.except_requester else ""
    )
    return listed(names, last="or") + except_requester


def notified(rule: DecisionRule, requester: Actor) -> tuple[str, ...]:
    """Mentions of those whom a new checkpoint notifies: the named approvers; for a whole channel
    only the requester."""
    mentions = []
    for approver in rule.approvers:
        if approver.startswith("S"):
            mentions.append(f"<!subteam^{approver}>")
        elif not approver.startswith("@"):
            mentions.append(f"<@{approver}>")
        elif requester.kind is ActorKind.SLACK:
            mentions.append(person(requester))
    return tuple(dict.fromkeys(mentions))


def address(mentions: Sequence[str], sentence: str) -> str:
    """Address a sentence: "@Ana @Ben, this waits", or "This waits" if there are no mentions."""
    if not mentions:
        return sentence[:1].upper() + sentence[1:]
    return f"{' '.join(mentions)}, {sentence}"


def when(at: datetime) -> str:
    """A date that Slack shows in the reader's time zone."""
    return _date(at, "{date_short_pretty} at {time}")


def _date(at: datetime, date_format: str) -> str:
    return f"<!date^{int(at.timestamp())}^{date_format}|{at:%Y-%m-%d %H:%M} UTC>"


def duration(span: timedelta) -> str:
    """45 s, 12 min, 3 h 5 min, 2 d 4 h"""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if hours == 0:
        return f"{minutes} min"
    if days == 0:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"
