"""What Slack says about people and channels, kept for a while. See `People` for its use.

Each fact is asked for at most once at a time, in the background; whoever waits for it waits
a bounded time, and a fact that comes late is there for the next one who asks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPException
from threading import Lock
from time import monotonic
from typing import Final, Generic, TypeVar

from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError

from storage.ports import Clock

log = logging.getLogger(__name__)

TRUSTED_FOR: Final = timedelta(minutes=11)
"""Facts older than two refreshes are asked for again before they are used."""

KEPT_FOR: Final = timedelta(hours=2)
"""Facts that nobody needed for so long are no longer refreshed."""

GONE: Final = frozenset({"channel_not_found", "is_archived", "not_in_channel", "user_not_found"})

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Place:
    """A channel as the bot sees it. `joined` is False where the bot cannot even see it."""

    joined: bool
    archived: bool
    direct: bool
    name: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    guest: bool
    team: str
    name: str
    stranger: bool


@dataclass(frozen=True, slots=True)
class Identity:
    """The bot itself and its workspace."""

    user: str
    team: str
    name: str


class Facts(Generic[K, V]):
    """A table of one kind of fact. `ask` raises what the Slack client raises."""

    def __init__(
        self,
        ask: Callable[[K], V],
        *,
        clock: Clock,
        executor: ThreadPoolExecutor,
        trusted_for: timedelta = TRUSTED_FOR,
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._executor = executor
        self._trusted_for = trusted_for
        self._known: dict[K, tuple[V, datetime]] = {}
        self._used: dict[K, datetime] = {}
        self._asking: dict[K, Future[None]] = {}
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        """The fact if it is known and fresh enough."""
        now = self._clock.now()
        with self._lock:
            self._used[key] = now
            known = self._known.get(key)
        return known[0] if known is not None and now - known[1] <= self._trusted_for else None

    def age(self, key: K) -> timedelta | None:
        with self._lock:
            known = self._known.get(key)
        return None if known is None else self._clock.now() - known[1]

    def fetch(self, key: K) -> Future[None]:
        """Ask Slack, once at a time; done when the table holds the answer, or Slack gave none."""
        with self._lock:
            asking = self._asking.get(key)
            if asking is None:
                asking = self._asking[key] = self._executor.submit(self._fetch, key)
            return asking

    def refresh(self) -> None:
        """Ask anew for all that was used lately; drop the rest."""
        now = self._clock.now()
        with self._lock:
            stale = [key for key, used in self._used.items() if now - used > KEPT_FOR]
            for key in stale:
                del self._used[key]
                self._known.pop(key, None)
            keys = list(self._used)
        for key in keys:
            self.fetch(key)

    def _fetch(self, key: K) -> None:
        try:
            fact = self._ask(key)
        except (SlackClientError, HTTPException, OSError) as trouble:
            log.warning("slack.fact_unknown", extra={"error": _named(trouble)})
        else:
            with self._lock:
                self._known[key] = (fact, self._clock.now())
        finally:
            with self._lock:
                self._asking.pop(key, None)


def _named(trouble: Exception) -> str:
    response = getattr(trouble, "response", None)
    error = response.get("error") if response is not None else None
    return str(error or type(trouble).__name__)


def wait_for(asked: list[Future[None]], seconds: float) -> None:
    """Wait until all are done, `seconds` at the most in sum."""
    if asked:
        wait(asked, timeout=seconds)


class Directory:
    """The tables: who the bot is, channels, their members, people, user groups."""

    def __init__(self, client: WebClient, *, clock: Clock, executor: ThreadPoolExecutor) -> None:
        self._client = client
        long_ago = timedelta(days=365)
        self.identity: Facts[None, Identity] = Facts(
            self._ask_identity, clock=clock, executor=executor, trusted_for=long_ago
        )
        self.places: Facts[str, Place] = Facts(self._ask_place, clock=clock, executor=executor)
        self.members: Facts[str, frozenset[str]] = Facts(
            self._ask_members, clock=clock, executor=executor
        )
        self.profiles: Facts[str, Profile] = Facts(
            self._ask_profile, clock=clock, executor=executor
        )
        self.groups: Facts[None, Mapping[str, frozenset[str]]] = Facts(
            self._ask_groups, clock=clock, executor=executor
        )

    def refresh(self) -> None:
        self.places.refresh()
        self.members.refresh()
        self.profiles.refresh()
        self.groups.refresh()

    def _ask_identity(self, _: None) -> Identity:
        answer = self._client.auth_test()
        return Identity(
            user=str(answer["user_id"]), team=str(answer["team_id"]), name=str(answer["user"])
        )

    def _ask_place(self, channel: str) -> Place:
        try:
            answer = self._client.conversations_info(channel=channel)
        except SlackClientError as trouble:
            if _named(trouble) in GONE:
                return Place(joined=False, archived=False, direct=channel.startswith("D"))
            raise
        said = answer["channel"]
        return Place(
            joined=bool(said.get("is_member") or said.get("is_im")),
            archived=bool(said.get("is_archived")),
            direct=bool(said.get("is_im") or said.get("is_mpim")),
            name=str(said.get("name") or ""),
        )

    def _ask_members(self, channel: str) -> frozenset[str]:
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

    def _ask_profile(self, user: str) -> Profile:
        said = self._client.users_info(user=user)["user"]
        return Profile(
            guest=bool(said.get("is_restricted") or said.get("is_ultra_restricted")),
            team=str(said.get("team_id") or ""),
            name=str(said.get("real_name") or said.get("name") or ""),
            stranger=bool(said.get("is_stranger") or said.get("deleted")),
        )

    def _ask_groups(self, _: None) -> Mapping[str, frozenset[str]]:
        answer = self._client.usergroups_list(include_users=True)
        return {
            str(group["id"]): frozenset(map(str, group.get("users") or ()))
            for group in answer["usergroups"]
        }
