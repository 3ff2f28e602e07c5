"""Publishes Home tabs, and keeps those that somebody opened lately up to date."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event, Lock, Thread
from time import monotonic
from typing import Final

from slack_sdk import WebClient
from slack_sdk.models.views import View
from sqlalchemy.exc import SQLAlchemyError

from bot.slack import slack_errors
from bot.slack.inbound.parse import Person
from storage.errors import CountersignError
from storage.ports import Clock

log = logging.getLogger(__name__)

WATCHED_FOR: Final = timedelta(minutes=10)
"""For so long after somebody opened or used their Home it follows what happens."""

WATCHED: Final = 30
"""Only the Homes that were used last are kept up to date; Slack asks for the others when they are
opened."""

SETTLE_SECONDS: Final = 0.2
PAUSE_SECONDS: Final = 2.0
PAUSE_FACTOR: Final = 4.0
"""A round of updates is followed by a pause of at least this length, and of so many times what the
round took: where much waits, Homes follow more slowly."""


class HomePublisher:
    """Publishes from the caller's thread when a Home is opened, and from its own thread later.

    A Home whose content has not changed is not published again.
    """

    def __init__(
        self, client: WebClient, *, render: Callable[[Person], View], clock: Clock
    ) -> None:
        self._client = client
        self._render = render
        self._clock = clock
        self._watched: dict[str, datetime] = {}
        self._published: dict[str, str] = {}
        self._lock = Lock()
        self._changed = Event()
        self._closing = Event()
        self._thread = Thread(target=self._follow, name="slack-homes", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def opened(self, person: Person) -> None:
        """Publish this person's Home, and keep it up to date for a while."""
        self.watch(person)
        self._publish(person, again=True)

    def watch(self, person: Person) -> None:
        """This person looks at their Home: keep it up to date for a while."""
        now = self._clock.now()
        with self._lock:
            self._watched[person.id] = now
            for user in sorted(self._watched, key=self._watched.__getitem__)[:-WATCHED]:
                del self._watched[user]

    def wake(self) -> None:
        """Something changed. Returns at once."""
        if self._watched:
            self._changed.set()

    def _follow(self) -> None:
        while not self._closing.is_set():
            self._changed.wait()
            self._closing.wait(SETTLE_SECONDS)
            self._changed.clear()
            started = monotonic()
            for user in self._still_watched():
                if self._closing.is_set():
                    return
                self._publish(Person(user), again=False)
            self._closing.wait(max(PAUSE_SECONDS, PAUSE_FACTOR * (monotonic() - started)))

    def _still_watched(self) -> list[str]:
        oldest = self._clock.now() - WATCHED_FOR
        with self._lock:
            self._watched = {user: at for user, at in self._watched.items() if at >= oldest}
            self._published = {u: p for u, p in self._published.items() if u in self._watched}
            return [*self._watched]

    def _publish(self, person: Person, *, again: bool) -> None:
        """`again`: also if nothing has changed, as the person may not see what was published."""
        try:
            view = self._render(person).to_dict()
            content = json.dumps(view, sort_keys=True)
            if not again and self._published.get(person.id) == content:
                return
            self._client.views_publish(user_id=person.id, view=view)
        except slack_errors.SLACK_ERRORS as error:
            failure = slack_errors.classify(error).error
            log.warning("slack.home_not_published", extra={"error": failure})
        except (CountersignError, SQLAlchemyError) as error:
            log.warning("slack.home_not_published", extra={"error": type(error).__name__})
        else:
            self._published[person.id] = content
