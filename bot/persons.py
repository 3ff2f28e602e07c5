"""The interface between the API and the Slack front end, for tokens that act for a person."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from storage.errors import Busy
from storage.policy import same_person
from storage.records import Actor, ActorKind


class Deactivated(Exception):
    """The person has left the workspace."""

    def __init__(self, user: str) -> None:
        super().__init__(f"{user}, for whom the token acts, is deactivated in Slack")


class Persons(Protocol):
    """What Slack says about people. Safe to call from any thread; may take a second."""

    def actor(self, user: str, channel: str | None) -> Actor:
        """The person, with what the policy needs to know about them in this channel.

        Raises Deactivated.
        """

    def channels(self, user: str) -> frozenset[str]:
        """The channels that both the person and the bot are in."""


class DeferredPersons:
    """Slack's people once they are bound. Until then it raises Busy: clients try again."""

    def __init__(self) -> None:
        self._persons: Persons | None = None

    def bind(self, persons: Persons) -> None:
        self._persons = persons

    def actor(self, user: str, channel: str | None) -> Actor:
        return self._bound().actor(user, channel)

    def channels(self, user: str) -> frozenset[str]:
        return self._bound().channels(user)

    def _bound(self) -> Persons:
        if self._persons is None:
            raise Busy("the Slack front end is still starting")
        return self._persons


class NoPersons:
    """There is no Slack: nothing is known about anybody."""

    def actor(self, user: str, channel: str | None) -> Actor:  # noqa: ARG002
        return Actor(ActorKind.SLACK, user)

    def channels(self, user: str) -> frozenset[str]:  # noqa: ARG002
        return frozenset()


def as_requester(actor: Actor, requester: Actor) -> Actor:
    """What was known of the requester at the start, if the channel is unreachable by now."""
    if actor.channel_member is not None or not same_person(actor, requester):
        return actor
    return replace(
        actor,
        channel_member=requester.channel_member,
        guest=requester.guest if actor.guest is None else actor.guest,
        external=requester.external if actor.external is None else actor.external,
    )
