"""What Slack says about the people for whom tokens of the API act."""

from __future__ import annotations

from bot.persons import Deactivated
from bot.slack.inbound.parse import Person
from bot.slack.people.actors import People
from storage.records import Actor


class SlackPersons:
    """The port `bot.persons.Persons`, with the same look-ups as for a click."""

    def __init__(self, people: People) -> None:
        self._people = people

    def actor(self, user: str, channel: str | None) -> Actor:
        """Raises Deactivated: who has left cannot click, so their tokens decide nothing either."""
        actor = self._people.for_start(Person(user), channel=channel)
        if self._people.is_deactivated(user):
            raise Deactivated(user)
        return actor

    def channels(self, user: str) -> frozenset[str]:
        return self._people.shared_channels(user)
