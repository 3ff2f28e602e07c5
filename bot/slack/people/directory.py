"""Caches of what Slack says about people and channels. See `People` for their use.

A value is loaded by one background request at a time. Callers wait for it with a timeout; a value
that arrives later is there for the next caller.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.client import HTTPException
from threading import Lock
from time import monotonic
from typing import Any, Final, Generic, TypeVar

from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError

from storage.ports import Clock

log = logging.getLogger(__name__)

TTL: Final = timedelta(minutes=11)
"""Values older than two refreshes are reloaded before they are used."""

IDLE_LIMIT: Final = timedelta(hours=2)
"""Values unused for this long are dropped and no longer refreshed."""

NOT_VISIBLE: Final = frozenset(
    {"channel_not_found", "is_archived", "not_in_channel", "user_not_found"}
)

NOT_IN_PLAN: Final = frozenset({"plan_upgrade_required", "paid_teams_only"})

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class ChannelInfo:
    """A channel as the bot sees it. `joined` is also False if the bot cannot see the channel."""

    joined: bool
    archived: bool
    direct: bool
    name: str = ""
    public: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """A person as Slack describes them. `is_external` is also True for deleted users.

    `team` and `enterprise` may be empty. In an organization, `team` may be another of its
    workspaces, and `teams` are those that the person belongs to.
    """

    guest: bool
    team: str
    name: str
    is_external: bool
    enterprise: str = ""
    teams: frozenset[str] = frozenset()
    deactivated: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """The bot itself, its workspace, and the organization that this belongs to, if any."""

    user: str
    team: str
    name: str
    enterprise: str = ""


@dataclass(frozen=True, slots=True)
class Groups:
    """The members of each user group. Slack's free plan has none: then they are not `offered`."""

    members: Mapping[str, frozenset[str]] = field(default_factory=dict)
    offered: bool = True


class TtlCache(Generic[K, V]):
    """Values of one kind, by key. `load` asks Slack, and may raise what its client raises."""

    def __init__(
        self,
        load: Callable[[K], V],
        *,
        clock: Clock,
        executor: ThreadPoolExecutor,
        ttl: timedelta = TTL,
    ) -> None:
        self._load = load
        self._clock = clock
        self._executor = executor
        self._ttl = ttl
        self._entries: dict[K, tuple[V, datetime]] = {}
        self._last_used: dict[K, datetime] = {}
        self._in_flight: dict[K, Future[None]] = {}
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        """The value, if it is cached and fresh."""
        now = self._clock.now()
        with self._lock:
            self._last_used[key] = now
            entry = self._entries.get(key)
        return entry[0] if entry is not None and now - entry[1] <= self._ttl else None

    def age(self, key: K) -> timedelta | None:
        """How long ago the value was loaded; None if it is not cached."""
        with self._lock:
            entry = self._entries.get(key)
        return None if entry is None else self._clock.now() - entry[1]

    def fetch(self, key: K) -> Future[None]:
        """Load the value, once at a time. The future is done when that succeeded or failed."""
        with self._lock:
            future = self._in_flight.get(key)
            if future is None:
                future = self._in_flight[key] = self._executor.submit(self._fetch, key)
            return future

    def refresh(self) -> None:
        """Reload what was used lately; drop the rest."""
        now = self._clock.now()
        with self._lock:
            stale = [key for key, used in self._last_used.items() if now - used > IDLE_LIMIT]
            for key in stale:
                del self._last_used[key]
                self._entries.pop(key, None)
            keys = list(self._last_used)
        for key in keys:
            self.fetch(key)

    def _fetch(self, key: K) -> None:
        try:
            value = self._load(key)
        except (SlackClientError, HTTPException, OSError) as error:
            log.warning("slack.fact_unknown", extra={"error": error_name(error)})
        else:
            with self._lock:
                self._entries[key] = (value, self._clock.now())
        finally:
            with self._lock:
                self._in_flight.pop(key, None)


def error_name(exception: Exception) -> str:
    response = getattr(exception, "response", None)
    error = response.get("error") if response is not None else None
    return str(error or type(exception).__name__)


def wait_for(futures: list[Future[None]], seconds: float) -> None:
    """Wait until all are done, for at most `seconds` in total."""
    if futures:
        wait(futures, timeout=seconds)


def to_profile(user: Mapping[str, Any]) -> Profile:
    """The profile in Slack's description of a user, of a workspace or of an organization."""
    in_organization = user.get("enterprise_user") or {}
    return Profile(
        guest=bool(user.get("is_restricted") or user.get("is_ultra_restricted")),
        team=str(user.get("team_id") or ""),
        name=str(user.get("real_name") or user.get("name") or ""),
        is_external=bool(user.get("is_stranger") or user.get("deleted")),
        enterprise=str(in_organization.get("enterprise_id") or user.get("enterprise_id") or ""),
        teams=frozenset(map(str, in_organization.get("teams") or ())),
        deactivated=bool(user.get("deleted")),
    )


def is_external(profile: Profile | None, identity: Identity | None) -> bool | None:
    """Whether the person belongs to another workspace; None if Slack does not tell."""
    if profile is None or identity is None:
        return None
    if profile.is_external:
        return True
    if identity.team in (profile.team, *profile.teams):
        return False
    if profile.enterprise and profile.enterprise == identity.enterprise:
        return False
    return True if profile.team or profile.teams or profile.enterprise else None


class Directory:
    """The caches: the bot's identity, channels, their members, people, user groups."""

    def __init__(self, client: WebClient, *, clock: Clock, executor: ThreadPoolExecutor) -> None:
        self._client = client
        a_year = timedelta(days=365)
        self.identity: TtlCache[None, Identity] = TtlCache(
            self._load_identity, clock=clock, executor=executor, ttl=a_year
        )
        self.channels: TtlCache[str, ChannelInfo] = TtlCache(
            self._load_channel, clock=clock, executor=executor
        )
        self.members: TtlCache[str, frozenset[str]] = TtlCache(
            self._load_members, clock=clock, executor=executor
        )
        self.profiles: TtlCache[str, Profile] = TtlCache(
            self._load_profile, clock=clock, executor=executor
        )
        self.groups: TtlCache[None, Groups] = TtlCache(
            self._load_groups, clock=clock, executor=executor
        )

        self.shared_channels: TtlCache[str, frozenset[str]] = TtlCache(
            self._load_shared_channels, clock=clock, executor=executor
        )

    def refresh(self) -> None:
        self.channels.refresh()
        self.members.refresh()
        self.profiles.refresh()
        self.groups.refresh()
        self.shared_channels.refresh()

    def _load_identity(self, _: None) -> Identity:
        answer = self._client.auth_test()
        return Identity(
            user=str(answer["user_id"]),
            team=str(answer["team_id"]),
            name=str(answer["user"]),
            enterprise=str(answer.get("enterprise_id") or ""),
        )

    def _load_channel(self, channel: str) -> ChannelInfo:
        try:
            answer = self._client.conversations_info(channel=channel)
        except SlackClientError as error:
            if error_name(error) in NOT_VISIBLE:
                return ChannelInfo(joined=False, archived=False, direct=channel.startswith("D"))
            raise
        channel_data = answer["channel"]
        return ChannelInfo(
            joined=bool(channel_data.get("is_member") or channel_data.get("is_im")),
            archived=bool(channel_data.get("is_archived")),
            direct=bool(channel_data.get("is_im") or channel_data.get("is_mpim")),
            name=str(channel_data.get("name") or ""),
            public=not (
                channel_data.get("is_private")
                or channel_data.get("is_im")
                or channel_data.get("is_mpim")
            ),
        )

    def join(self, channel: str) -> None:
        """Join a public channel. Raises what the client raises."""
        self._client.conversations_join(channel=channel)

    def _load_members(self, channel: str) -> frozenset[str]:
        members: set[str] = set()
        cursor = ""
        until = monotonic() + 20
        while monotonic() < until:
            page = self._client.conversations_members(channel=channel, limit=1000, cursor=cursor)
            members.update(page["members"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return frozenset(members)
        raise TimeoutError(channel)

    def _load_shared_channels(self, user: str) -> frozenset[str]:
        mine = self._load_conversations(None)
        return mine & self._load_conversations(user)

    def _load_conversations(self, user: str | None) -> frozenset[str]:
        """The channels of this person, or of the bot itself."""
        channels: set[str] = set()
        cursor = ""
        until = monotonic() + 20
        while monotonic() < until:
            page = self._client.users_conversations(
                user=user, types="public_channel,private_channel", limit=1000, cursor=cursor
            )
            channels.update(str(channel["id"]) for channel in page["channels"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return frozenset(channels)
        raise TimeoutError(user or "the bot")

    def _load_profile(self, user: str) -> Profile:
        return to_profile(self._client.users_info(user=user)["user"])

    def _load_groups(self, _: None) -> Groups:
        try:
            answer = self._client.usergroups_list(include_users=True)
        except SlackClientError as error:
            if error_name(error) in NOT_IN_PLAN:
                return Groups(offered=False)
            raise
        return Groups(
            {
                str(group["id"]): frozenset(map(str, group.get("users") or ()))
                for group in answer["usergroups"]
            }
        )
