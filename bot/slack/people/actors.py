"""Actors with the attributes that the policy needs. Looked up before a transaction, never in one.

Attributes come from caches that are refreshed every five minutes. A missing one is requested from
Slack and waited for up to a second; if it is still unknown then, it stays None and the policy
refuses.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Final

from slack_sdk import WebClient

from bot.slack.inbound.parse import Person, Written
from bot.slack.people.directory import ChannelInfo, Directory, Identity, wait_for
from bot.slack.people.threads import find_reply
from bot.slack.people.words import WordReader, Words
from storage.definitions import DecisionRule
from storage.ports import Clock
from storage.reads import Reads
from storage.records import Actor, ActorKind, Checkpoint, Execution
from storage.states import CheckpointState

LOOKUP_SECONDS: Final = 1.0
MEMBERS_STALE_AFTER: Final = timedelta(seconds=20)
"""Somebody missing from a member list of this age may have joined since, so it is reloaded."""


class People:
    """Looks up Slack users as Actors. Safe to share between threads."""

    def __init__(
        self, client: WebClient, *, reads: Reads, clock: Clock, timeout: float = LOOKUP_SECONDS
    ) -> None:
        self._executor = ThreadPoolExecutor(max_workers=8, thread_name_prefix="slack-lookup")
        self._directory = Directory(client, clock=clock, executor=self._executor)
        self._words = WordReader(
            client, self._directory, clock=clock, executor=self._executor, seconds=timeout
        )
        self._client = client
        self._reads = reads
        self._timeout = timeout

    def refresh(self) -> None:
        """Reload everything in use. Returns at once."""
        self._directory.refresh()

    def warm(self) -> None:
        """Start to look up the bot's identity. Returns at once."""
        self._directory.identity.fetch(None)

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)

    def bot(self) -> Identity | None:
        """The bot's own user and workspace; None if Slack does not answer in time."""
        identity = self._directory.identity.get(None)
        if identity is None:
            wait_for([self._directory.identity.fetch(None)], self._timeout)
            identity = self._directory.identity.get(None)
        return identity

    def channel_info(self, channel: str) -> ChannelInfo | None:
        """The channel as the bot sees it; None if Slack does not answer in time.

        If the bot had not joined, it may have since, so that is always looked up again.
        """
        info = self._directory.channels.get(channel)
        if info is None or not info.joined:
            wait_for([self._directory.channels.fetch(channel)], self._timeout)
            info = self._directory.channels.get(channel)
        return info

    def find_reply(self, person: Person, *, channel: str, thread_ts: str, ts: str) -> Words | None:
        """The current words of this person's reply; None if it is gone."""
        written = find_reply(self._client, channel=channel, thread_ts=thread_ts, ts=ts, by=person)
        return None if written is None else self.words(written)

    def words(self, written: Written) -> Words:
        """What a message says: with names in place of ids, without the bot's mention."""
        bot = self.bot()
        return self._words.read(written, bot_user=bot.user if bot is not None else None)

    def words_alone(self, written: Written) -> str:
        """What a message says without its files, as `words` does."""
        bot = self.bot()
        bot_user = bot.user if bot is not None else None
        return self._words.read_text(written.mrkdwn, bot_user=bot_user).text

    def for_start(self, person: Person, *, channel: str) -> Actor:
        """The actor for starting a run in this channel."""
        return self._actor(person, channel=channel, groups=True)

    def for_decision(self, person: Person, *, checkpoint: Checkpoint) -> Actor:
        """The actor for deciding a checkpoint."""
        if checkpoint.state is not CheckpointState.PENDING:
            # Too late for anybody, so nothing needs to be looked up.
            return Actor(ActorKind.SLACK, person.id, person.name)
        return self.for_checkpoint(person, checkpoint=checkpoint)

    def for_checkpoint(self, person: Person, *, checkpoint: Checkpoint) -> Actor:
        """The actor for an action on a checkpoint that may already be decided."""
        execution = self._reads.execution(checkpoint.execution_id)
        return self._actor_in_execution(person, execution, (checkpoint.rule,))

    def for_execution(self, person: Person, *, execution: Execution) -> Actor:
        """The actor for an action on a whole execution."""
        definition = execution.definition
        own = () if definition.rule is None else (definition.rule,)
        rules = (*own, *(checkpoint.rule for checkpoint in definition.checkpoints))
        return self._actor_in_execution(person, execution, rules)

    def _actor_in_execution(
        self, person: Person, execution: Execution, rules: tuple[DecisionRule, ...]
    ) -> Actor:
        groups = any(approver.startswith("S") for rule in rules for approver in rule.approvers)
        actor = self._actor(person, channel=execution.channel, groups=groups)
        requester = execution.requester
        if actor.channel_member is None and (actor.kind, actor.id) == (
            requester.kind,
            requester.id,
        ):
            # The channel may be unreachable by now; the requester was in it at the start.
            return replace(
                actor,
                channel_member=requester.channel_member,
                guest=requester.guest if actor.guest is None else actor.guest,
                external=requester.external if actor.external is None else actor.external,
            )
        return actor

    def _actor(self, person: Person, *, channel: str | None, groups: bool) -> Actor:
        directory = self._directory
        pending: list[Future[None]] = []
        if directory.identity.get(None) is None:
            pending.append(directory.identity.fetch(None))
        if directory.profiles.get(person.id) is None:
            pending.append(directory.profiles.fetch(person.id))
        if groups and directory.groups.get(None) is None:
            pending.append(directory.groups.fetch(None))
        if channel is not None and self._members_may_be_stale(person, channel):
            pending.append(directory.members.fetch(channel))
        wait_for(pending, self._timeout)
        return self._from_caches(person, channel=channel)

    def _members_may_be_stale(self, person: Person, channel: str) -> bool:
        members = self._directory.members.get(channel)
        if members is not None and person.id in members:
            return False
        age = self._directory.members.age(channel)
        return members is None or age is None or age > MEMBERS_STALE_AFTER

    def _from_caches(self, person: Person, *, channel: str | None) -> Actor:
        directory = self._directory
        profile, identity = directory.profiles.get(person.id), directory.identity.get(None)
        members = directory.members.get(channel) if channel is not None else None
        groups = directory.groups.get(None)
        external = None
        if profile is not None and identity is not None:
            external = profile.is_external or profile.team != identity.team
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
