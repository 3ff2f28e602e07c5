"""The interface between the API and the Slack front end, for tokens that act for a person."""

from __future__ import annotations

from typing import Protocol

from storage.records import Actor, ActorKind


class Persons(Protocol):
    """What Slack says about people. Safe to call from any thread; may take a second."""

    def actor(self, user: str, channel: str | None) -> Actor:
        """The person, with what the policy needs to know about them in this channel."""

    def channels(self, user: str) -> frozenset[str]:
        """The channels that both the person and the bot are in."""


class NoPersons:
    """There is no Slack: nothing is known about anybody."""

    def actor(self, user: str, channel: str | None) -> Actor:  # noqa: ARG002
        return Actor(ActorKind.SLACK, user)

    def channels(self, user: str) -> frozenset[str]:  # noqa: ARG002
        return frozenset()
