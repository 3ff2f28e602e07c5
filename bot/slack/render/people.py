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
    """A mention where there is somebody to mention. In an update it calls nobody."""
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
    """Who may decide, in words and mentions."""
    named: list[str] = []
    for who in rule.approvers:
        if who == CHANNEL:
            named.append("anyone in this channel but guests")
        elif who == REQUESTER:
            named.append(person(requester))
        elif who.startswith("S"):
            named.append(f"<!subteam^{who}>")
        else:
            named.append(f"<@{who}>")
    unless = f", but not {person(requester)}, who asked for it" if rule.except_requester else ""
    return listed(named, last="or") + unless


def called(rule: DecisionRule, requester: Actor) -> tuple[str, ...]:
    """Whom a new checkpoint notifies: the named ones; for a whole channel its requester."""
    mentions = []
    for who in rule.approvers:
        if who.startswith("S"):
            mentions.append(f"<!subteam^{who}>")
        elif not who.startswith("@"):
            mentions.append(f"<@{who}>")
        elif requester.kind is ActorKind.SLACK:
            mentions.append(person(requester))
    return tuple(dict.fromkeys(mentions))


def addressed(mentions: Sequence[str], words: str) -> str:
    """A sentence to these: "@Ana @Ben, this waits"; to nobody in particular: "This waits"."""
    return f"{' '.join(mentions)}, {words}" if mentions else words[:1].upper() + words[1:]


def when(at: datetime) -> str:
    """In the reader's own time zone."""
    return _date(at, "{date_short_pretty} at {time}")


def _date(at: datetime, shape: str) -> str:
    return f"<!date^{int(at.timestamp())}^{shape}|{at:%Y-%m-%d %H:%M} UTC>"


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
