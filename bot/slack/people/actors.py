"""Actors with the attributes that the policy needs. Looked up before a transaction, never in one.

Attributes come from caches that are refreshed every five minutes. A missing one is requested from
Slack and waited for up to a second; if it is still unknown then, it stays None and the policy
refuses.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Final

from slack_sdk import WebClient

from bot.persons import as_requester
from bot.slack.inbound.parse import Person
from bot.slack.inbound.written import Written
from bot.slack.people.directory import (
    ChannelInfo,
    Directory,
    Identity,
    error_name,
    is_external,
    wait_for,
)
from bot.slack.people.threads import find_reply
from bot.slack.people.words import WordReader, Words
from bot.slack.slack_errors import SLACK_ERRORS
from storage.definitions import CrewDefinition, DecisionRule
from storage.policy import CHANNEL
from storage.ports import Clock
from storage.reads import Reads
from storage.records import Actor, ActorKind, Checkpoint, Execution
from storage.states import CheckpointState
from storage.waiting_reads import Candidate

log = logging.getLogger(__name__)

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

    def warm(self, *, named_in: Collection[str] = ()) -> None:
        """Start to look up the bot's identity. Returns at once.

        `named_in` are the crews whose rules name a user group: if the workspace has no user groups,
        that is logged.
        """
        self._directory.identity.fetch(None)
        if named_in:
            self._executor.submit(self._warn_without_groups, tuple(named_in))

    def _warn_without_groups(self, crews: tuple[str, ...]) -> None:
        self._directory.groups.fetch(None).result()
        if not self.has_groups():
            log.warning("slack.no_user_groups", extra={"crews": ", ".join(crews)})

    def has_groups(self) -> bool:
        """False if Slack has said that the workspace's plan has no user groups."""
        groups = self._directory.groups.get(None)
        return groups is None or groups.offered

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

    def join(self, channel: str) -> bool:
        """Join a public channel. Returns whether the bot is in it now."""
        joining = self._executor.submit(self._directory.join, channel)
        try:
            joining.result(timeout=self._timeout)
        except (*SLACK_ERRORS, TimeoutError) as error:
            log.warning("slack.not_joined", extra={"error": error_name(error)})
            return False
        self._directory.channels.fetch(channel)
        self._directory.members.fetch(channel)
        return True

    def members_changed(self, channel: str) -> None:
        """Somebody joined the channel: reload its members. Returns at once."""
        if self._directory.members.age(channel) is not None:
            self._directory.members.fetch(channel)

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

    def for_start(self, person: Person, *, channel: str | None) -> Actor:
        """The actor for starting a run in this channel, if it is known."""
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
        return self._actor_in_execution(person, execution, rules_of(execution.definition))

    def is_deactivated(self, user: str) -> bool:
        """Whether Slack has said that this person has left the workspace."""
        profile = self._directory.profiles.get(user)
        return profile is not None and profile.deactivated

    def shared_channels(self, user: str) -> frozenset[str]:
        """The channels that both this person and the bot are in, as far as Slack answers in time.

        They are looked up again after MEMBERS_STALE_AFTER: somebody may have joined or left since.
        """
        shared = self._directory.shared_channels
        age = shared.age(user)
        if age is None or age > MEMBERS_STALE_AFTER:
            wait_for([shared.fetch(user)], self._timeout)
        return shared.get(user) or frozenset()

    def for_candidates(self, person: Person, candidates: Sequence[Candidate]) -> list[Actor]:
        """The actor for each of these checkpoints, from what is known after one wait.

        Members of channels may be as old as TTL: a decision itself is checked more strictly.
        """
        directory = self._directory
        channels = {each.channel for each in candidates if CHANNEL in each.rule.approvers}
        pending = [
            directory.members.fetch(channel)
            for channel in channels
            if channel is not None and directory.members.get(channel) is None
        ]
        groups = any(names_group(each.rule) for each in candidates)
        pending += self._missing(person, groups=groups)
        wait_for(pending, self._timeout)
        by_channel = {
            channel: self._from_caches(person, channel=channel)
            for channel in {each.channel for each in candidates}
        }
        return [as_requester(by_channel[each.channel], each.requester) for each in candidates]

    def _actor_in_execution(
        self, person: Person, execution: Execution, rules: tuple[DecisionRule, ...]
    ) -> Actor:
        actor = self._actor(person, channel=execution.channel, groups=any(map(names_group, rules)))
        return as_requester(actor, execution.requester)

    def _actor(self, person: Person, *, channel: str | None, groups: bool) -> Actor:
        pending = self._missing(person, groups=groups)
        if channel is not None and self._members_may_be_stale(person, channel):
            pending.append(self._directory.members.fetch(channel))
        wait_for(pending, self._timeout)
        return self._from_caches(person, channel=channel)

    def _missing(self, person: Person, *, groups: bool) -> list[Future[None]]:
        """Load what is not known about the person, the bot and, on request, the user groups."""
        directory = self._directory
        pending: list[Future[None]] = []
        if directory.identity.get(None) is None:
            pending.append(directory.identity.fetch(None))
        if directory.profiles.get(person.id) is None:
            pending.append(directory.profiles.fetch(person.id))
        if groups and directory.groups.get(None) is None:
            pending.append(directory.groups.fetch(None))
        return pending

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
        return Actor(
            kind=ActorKind.SLACK,
            id=person.id,
            name=(profile.name if profile is not None else "") or person.name,
            channel_member=None if members is None else person.id in members,
            guest=None if profile is None else profile.guest,
            external=is_external(profile, identity),
            groups=frozenset(
                group
                for group, users in (groups.members if groups is not None else {}).items()
                if person.id in users
            ),
            groups_known=groups is not None and groups.offered,
            groups_offered=groups is None or groups.offered,
        )


def rules_of(crew: CrewDefinition) -> tuple[DecisionRule, ...]:
    """The crew's own rule and those of its checkpoints."""
    own = () if crew.rule is None else (crew.rule,)
    return (*own, *(checkpoint.rule for checkpoint in crew.checkpoints))


def names_group(rule: DecisionRule) -> bool:
    """Whether the rule names a user group."""
    return any(approver.startswith("S") for approver in rule.approvers)


def names_only_groups(rule: DecisionRule) -> bool:
    """Whether nobody but the members of user groups may decide."""
    return bool(rule.approvers) and all(approver.startswith("S") for approver in rule.approvers)
