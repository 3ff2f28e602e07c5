"""Who calls, and what they may do and see. Every route asks here; the rest is the core's policy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Final, TypeAlias

from fastapi import Depends, Request

from bot.persons import NoPersons, Persons, as_requester
from storage.errors import UnknownExecution
from storage.reads import Reads
from storage.records import Actor, ActorKind, Execution
from storage.tokens import Scope, TokenKind


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request. `person` is the Slack user for whom they act, if any."""

    id: str
    name: str
    scopes: frozenset[Scope]
    person: str | None = None
    kind: TokenKind | None = None
    subject: str | None = None


ANONYMOUS: Final = Caller("anonymous", "anonymous", frozenset())
"""Anybody without a token, at a path that needs none."""

LOOPBACK: Final = Caller("loopback", "unauthenticated loopback", frozenset(Scope))
"""Any program on this machine, as long as there are no tokens."""


def answering(caller: Caller) -> dict[str, object]:
    """For whom a callback answers that the caller has webhooks sent to; empty: for nobody."""
    if Scope.DECIDE not in caller.scopes:
        return {}
    token = None if caller.kind is None else caller.id
    return {"answers": {"name": caller.name, "person": caller.person, "token": token}}


class Unauthenticated(Exception):
    """The route needs a token, and the request has none."""


class ScopeMissing(Exception):
    """The token lacks the scope that the route needs."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(f"the token lacks the scope {scope.value!r}")
        self.scope = scope


def allow(scope: Scope) -> Callable[[Request], Caller]:
    """The policy of a route, as its dependency: the caller, if they have the scope."""

    def check(request: Request) -> Caller:
        caller: Caller = request.state.caller
        if caller is ANONYMOUS:
            raise Unauthenticated
        if scope not in caller.scopes:
            raise ScopeMissing(scope)
        return caller

    return check


MayRead: TypeAlias = Annotated[Caller, Depends(allow(Scope.READ))]
MayExecute: TypeAlias = Annotated[Caller, Depends(allow(Scope.EXECUTE))]
MayDecide: TypeAlias = Annotated[Caller, Depends(allow(Scope.DECIDE))]
MayAdminister: TypeAlias = Annotated[Caller, Depends(allow(Scope.ADMIN))]


@dataclass(frozen=True, slots=True)
class Access:
    """Turns callers into actors of the core, and hides from them what they may not see."""

    reads: Reads
    persons: Persons = field(default_factory=NoPersons)

    def actor(self, caller: Caller, channel: str | None, requester: Actor | None = None) -> Actor:
        """The actor of a decision in this channel, on an execution of this requester.

        A caller who acts for a person is that person, with the person's rights. Any other with the
        scope `decide` decides everything: whoever made the token trusts the program that has it.
        """
        if caller.person is not None:
            person = self.persons.actor(caller.person, channel)
            return person if requester is None else as_requester(person, requester)
        decides = Scope.DECIDE in caller.scopes
        return Actor(ActorKind.API, caller.id, caller.name, decides_everything=decides)

    def channels(self, caller: Caller) -> frozenset[str] | None:
        """The channels whose executions the caller may see; None: all, and those without one."""
        return None if caller.person is None else self.persons.channels(caller.person)

    def can_see(self, caller: Caller, requester: Actor, channel: str | None) -> bool:
        """Whether the caller may see executions of this requester in this channel."""
        if caller.person is None:
            return True
        if (requester.kind, requester.id) == (ActorKind.SLACK, caller.person):
            return True
        return channel is not None and channel in self.persons.channels(caller.person)

    def execution(self, caller: Caller, execution_id: str) -> Execution:
        """The execution with exactly this id: a shortened one may later match another, too.

        Raises UnknownExecution, also if the caller may not see it.
        """
        execution = self.reads.execution(execution_id)
        visible = self.can_see(caller, execution.requester, execution.channel)
        if execution.id != execution_id or not visible:
            raise UnknownExecution(execution_id)
        return execution
