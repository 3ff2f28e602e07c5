"""Who may decide, and when to remind. Pure: records in, a verdict out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, auto
from typing import Final

from storage.definitions import CrewDefinition, DecisionRule, OnTimeout
from storage.records import Action, Actor, ActorKind, Checkpoint, CheckpointKind
from storage.states import CheckpointEvent

CHANNEL = "@channel"
REQUESTER = "@requester"


class Refusal(StrEnum):
    """Why somebody may not decide. Front ends turn these into messages."""

    NOT_AN_APPROVER = auto()
    IS_THE_REQUESTER = auto()  # four eyes
    GUEST = auto()  # guests and people from other workspaces never match @channel
    UNKNOWN = auto()  # Slack did not answer
    NO_GROUPS = auto()  # the rule names a user group, which the workspace's plan does not offer
    NEITHER_REQUESTER_NOR_APPROVER = auto()


@dataclass(frozen=True, slots=True)
class Verdict:
    refusal: Refusal | None = None

    @property
    def allowed(self) -> bool:
        return self.refusal is None


ALLOWED = Verdict()


def same_person(one: Actor, other: Actor) -> bool:
    return (one.kind, one.id) == (other.kind, other.id)


def may_decide(rule: DecisionRule, *, actor: Actor, requester: Actor) -> Verdict:
    """Whether `actor` may decide a checkpoint with this rule. Unknown facts lead to a refusal."""
    if actor.decides_everything or actor.kind is ActorKind.TIMEOUT:
        return ALLOWED
    is_requester = same_person(actor, requester)
    if is_requester and rule.except_requester:
        return Verdict(Refusal.IS_THE_REQUESTER)
    if is_requester and REQUESTER in rule.approvers:
        return ALLOWED
    if actor.kind is not ActorKind.SLACK:
        return Verdict(Refusal.NOT_AN_APPROVER)
    if actor.id in rule.approvers or actor.groups & set(rule.approvers):
        return ALLOWED
    return _by_membership(rule, actor)


def _by_membership(rule: DecisionRule, actor: Actor) -> Verdict:
    unknown = any(a.startswith("S") for a in rule.approvers) and not actor.groups_known
    if CHANNEL in rule.approvers:
        if actor.guest or actor.external:
            return Verdict(Refusal.GUEST)
        if None in (actor.channel_member, actor.guest, actor.external):
            return Verdict(Refusal.UNKNOWN)
        if actor.channel_member:
            return ALLOWED
    if unknown and not actor.groups_offered:
        return Verdict(Refusal.NO_GROUPS)
    return Verdict(Refusal.UNKNOWN if unknown else Refusal.NOT_AN_APPROVER)


def may_manage(rules: tuple[DecisionRule, ...], *, actor: Actor, requester: Actor) -> Verdict:
    """Whether `actor` may cancel or retry: the requester, or an approver of any checkpoint."""
    if same_person(actor, requester) or actor.kind is ActorKind.SYSTEM:
        return ALLOWED
    verdicts = [may_decide(rule, actor=actor, requester=requester) for rule in rules]
    if actor.decides_everything or any(verdict.allowed for verdict in verdicts):
        return ALLOWED
    if any(verdict.refusal is Refusal.UNKNOWN for verdict in verdicts):
        return Verdict(Refusal.UNKNOWN)
    return Verdict(Refusal.NEITHER_REQUESTER_NOR_APPROVER)


EVENT_OF_ACTION: dict[Action, CheckpointEvent] = {
    Action.CONTINUE: CheckpointEvent.CONTINUE,
    Action.REVISE: CheckpointEvent.REVISE,
    Action.STOP: CheckpointEvent.STOP,
    Action.SKIP: CheckpointEvent.SKIP,
}

ACTION_OF_TIMEOUT: dict[OnTimeout, Action | None] = {
    OnTimeout.CONTINUE: Action.CONTINUE,
    OnTimeout.SKIP: Action.SKIP,
    OnTimeout.STOP: Action.STOP,
    OnTimeout.FAIL: None,
}
"""The action that a timeout takes in a person's place; None means that the execution fails."""


LAST_REMINDER: Final = "last"


def reminder_times(opened: datetime, deadline: datetime) -> dict[str, datetime]:
    """When to remind of a waiting checkpoint: at `half` time, and `last` shortly before the end.

    A wait under a minute has no reminder, and one under five minutes has no `last`.
    """
    wait = deadline - opened
    times: dict[str, datetime] = {}
    if wait >= timedelta(minutes=1):
        times["half"] = opened + wait / 2
    if wait >= timedelta(minutes=5):
        times[LAST_REMINDER] = deadline - min(wait / 10, timedelta(minutes=15))
    return times


def offered_actions(checkpoint: Checkpoint, definition: CrewDefinition) -> tuple[Action, ...]:
    """What can be decided at a checkpoint. `revise: false` in crews.yml takes Revise away."""
    works = checkpoint.kind in (CheckpointKind.PHASE, CheckpointKind.GATE)
    if works and not definition.revise:
        return tuple(action for action in checkpoint.offered if action is not Action.REVISE)
    return checkpoint.offered
