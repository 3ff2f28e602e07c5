"""Who acts, with the facts that the policy needs. Looked up before a transaction, never in one.

Facts come from tables that are refreshed every five minutes. What is missing is asked for
within a second; what is still not known then stays None, and the policy refuses it.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Final

from slack_sdk import WebClient

from bot.slack.inbound.parse import Person
from bot.slack.outbound.threads import reply_of
from bot.slack.people.directory import Directory, Identity, Place, wait_for
from storage.definitions import DecisionRule
from storage.ports import Clock
from storage.reads import Reads
from storage.records import Actor, ActorKind, Checkpoint, Execution
from storage.states import CheckpointState

WITHIN_SECONDS: Final = 1.0
DOUBTED_AFTER: Final = timedelta(seconds=20)
"""Somebody who is not in a list of members this old may have joined since: ask again."""


class People:
    """Makes Actors of Slack's people. Safe to share between threads."""

    def __init__(
        self, client: WebClient, *, reads: Reads, clock: Clock, within: float = WITHIN_SECONDS
    ) -> None:
        self._executor = ThreadPoolExecutor(max_workers=8, thread_name_prefix="slack-facts")
        self._directory = Directory(client, clock=clock, executor=self._executor)
        self._client = client
        self._reads = reads
        self._within = within

    def refresh(self) -> None:
        """Ask Slack anew for all facts in use. Returns at once."""
        self._directory.refresh()

    def warm(self) -> None:
        """Begin to ask who the bot is. Returns at once."""
        self._directory.identity.fetch(None)

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)

    def bot(self) -> Identity | None:
        """The bot's own user and workspace, once Slack has told."""
        identity = self._directory.identity.get(None)
        if identity is None:
            wait_for([self._directory.identity.fetch(None)], self._within)
            identity = self._directory.identity.get(None)
        return identity

    def place(self, channel: str) -> Place | None:
        """The channel as the bot sees it; None where Slack does not tell in time.

        That the bot has not joined may have changed a moment ago, so it is always asked anew.
        """
        place = self._directory.places.get(channel)
        if place is None or not place.joined:
            wait_for([self._directory.places.fetch(channel)], self._within)
            place = self._directory.places.get(channel)
        return place

    def reply_of(self, person: Person, *, channel: str, thread_ts: str, ts: str) -> str | None:
        """The plain words of this person's reply as they stand now; None if it is gone."""
        bot = self.bot()
        return reply_of(
            self._client,
            channel=channel,
            thread_ts=thread_ts,
            ts=ts,
            by=person,
            bot_user=bot.user if bot is not None else None,
        )

    def starting(self, person: Person, *, channel: str) -> Actor:
        """Somebody who starts a run in this channel."""
        return self._actor(person, channel=channel, groups=True)

    def deciding(self, person: Person, *, checkpoint: Checkpoint) -> Actor:
        """Somebody who acts on a checkpoint."""
        if checkpoint.state is not CheckpointState.PENDING:
            # Too late whoever they are: no facts are needed to say so.
            return Actor(ActorKind.SLACK, person.id, person.name)
        return self.judging(person, checkpoint=checkpoint)

    def judging(self, person: Person, *, checkpoint: Checkpoint) -> Actor:
        """Somebody who acts on a checkpoint that may be decided already."""
        execution = self._reads.execution(checkpoint.execution_id)
        return self._acting(person, execution, (checkpoint.rule,))

    def managing(self, person: Person, *, execution: Execution) -> Actor:
        """Somebody who acts on a whole execution."""
        definition = execution.definition
        own = () if definition.rule is None else (definition.rule,)
        rules = (*own, *(checkpoint.rule for checkpoint in definition.checkpoints))
        return self._acting(person, execution, rules)

    def _acting(
        self, person: Person, execution: Execution, rules: tuple[DecisionRule, ...]
    ) -> Actor:
        groups = any(who.startswith("S") for rule in rules for who in rule.approvers)
        actor = self._actor(person, channel=execution.channel, groups=groups)
        requester = execution.requester
        if actor.channel_member is None and (actor.kind, actor.id) == (
            requester.kind,
            requester.id,
        ):
            # The channel may be out of reach by now; the requester was in it at the start.
            return replace(
                actor,
                channel_member=requester.channel_member,
                guest=requester.guest if actor.guest is None else actor.guest,
                external=requester.external if actor.external is None else actor.external,
            )
        return actor

    def _actor(self, person: Person, *, channel: str | None, groups: bool) -> Actor:
        tables = self._directory
        asked: list[Future[None]] = []
        if tables.identity.get(None) is None:
            asked.append(tables.identity.fetch(None))
        if tables.profiles.get(person.id) is None:
            asked.append(tables.profiles.fetch(person.id))
        if groups and tables.groups.get(None) is None:
            asked.append(tables.groups.fetch(None))
        if channel is not None and self._members_doubtful(person, channel):
            asked.append(tables.members.fetch(channel))
        wait_for(asked, self._within)
        return self._known(person, channel=channel)

    def _members_doubtful(self, person: Person, channel: str) -> bool:
        members = self._directory.members.get(channel)
        if members is not None and person.id in members:
            return False
        age = self._directory.members.age(channel)
        return members is None or age is None or age > DOUBTED_AFTER

    def _known(self, person: Person, *, channel: str | None) -> Actor:
        tables = self._directory
        profile, identity = tables.profiles.get(person.id), tables.identity.get(None)
        members = tables.members.get(channel) if channel is not None else None
        groups = tables.groups.get(None)
        external = None
        if profile is not None and identity is not None:
            external = profile.stranger or profile.team != identity.team
        return Actor(
            kind=ActorKind.SLACK,
            id=person.id,
            name=(profile.name if profile is not None else "") or person.name,
            channel_member=None if members is None else person.id in members,
            guest=None if profile is None else profile.guest,
            external=external,
            groups=frozenset(
                group for group, users in (groups or {}).items() if person.id in users
            ),
            groups_known=groups is not None,
        )
