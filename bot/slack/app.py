"""Builds the Slack side; the composition root starts, stops and wakes it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import uuid4

from slack_bolt import App
from slack_sdk import WebClient

from bot.door import Door
from bot.persons import Persons
from bot.slack.actions.board import BoardLinks
from bot.slack.actions.checkpoints import CheckpointActions
from bot.slack.actions.commands import Commands
from bot.slack.actions.home import Homes
from bot.slack.actions.lessons import Lessons
from bot.slack.actions.message_shortcuts import MessageShortcuts
from bot.slack.actions.modals import ModalActions
from bot.slack.actions.replies import Replies
from bot.slack.actions.starts import Starts
from bot.slack.inbound.door import SlackDoor
from bot.slack.inbound.sockets import SocketClient
from bot.slack.listeners import (
    command,
    decide,
    error_handler,
    home,
    inner,
    manage,
    places,
    revise,
    shortcuts,
    thread,
)
from bot.slack.listeners import lessons as lesson_listeners
from bot.slack.listeners import modals as modal_listeners
from bot.slack.listeners.responses import Responder
from bot.slack.metered_client import MeteredClient
from bot.slack.outbound.clicks import Clicks
from bot.slack.outbound.delivery import DEFAULT_TIMING, Delivery, DeliveryTiming
from bot.slack.outbound.homes import HomePublisher
from bot.slack.people.actors import People, names_group, rules_of
from bot.slack.people.persons import SlackPersons
from storage.definitions import CrewDefinition
from storage.outbox.outbox import Outbox
from storage.ports import Clock, Meter, NoMeter
from storage.reads import Reads
from storage.state_manager import StateManager

SLACK_API: Final = "https://slack.com/api/"
LISTENERS: Final = 16
ANSWER_SECONDS: Final = 5
LOOKUP_SECONDS: Final = 3
POST_SECONDS: Final = 15


@dataclass(frozen=True, slots=True)
class SlackConfig:
    """Settings for Slack. Its repr contains no secrets."""

    bot_token: str = field(repr=False)
    signing_secret: str = field(repr=False)
    app_token: str | None = field(default=None, repr=False)
    api_url: str = SLACK_API
    default_channel: str | None = None


class SlackFront:
    """The bot in Slack. `door` receives requests over HTTP; with an app token, a socket does.

    `owner` names this process in the outbox rows that it leases (default: a random name).
    """

    def __init__(
        self,
        *,
        config: SlackConfig,
        state: StateManager,
        reads: Reads,
        outbox: Outbox,
        crews: Mapping[str, CrewDefinition],
        clock: Clock,
        owner: str | None = None,
        timing: DeliveryTiming = DEFAULT_TIMING,
        board: BoardLinks | None = None,
        meter: Meter | None = None,
    ) -> None:
        logger = _library_logger()
        client = partial(_client, config, logger, meter or NoMeter())
        app_client = client(ANSWER_SECONDS)
        lookup_client = client(LOOKUP_SECONDS)
        self._executor = ThreadPoolExecutor(LISTENERS, thread_name_prefix="slack-listener")
        self._responder = Responder()
        self._people = People(lookup_client, reads=reads, clock=clock)
        self._naming_groups = [
            crew.name for crew in crews.values() if any(map(names_group, rules_of(crew)))
        ]
        actions = CheckpointActions(state=state, reads=reads, people=self._people)
        lessons = Lessons(state=state, reads=reads, people=self._people, crews=crews)
        clicks = Clicks()
        app = App(
            client=app_client,
            signing_secret=config.signing_secret,
            logger=logger,
            name="countersign",
            token_verification_enabled=False,
            request_verification_enabled=False,
            process_before_response=False,
            listener_executor=self._executor,
        )
        app.middleware(clicks.middleware)
        starts = Starts(state=state, reads=reads, people=self._people, crews=crews, clock=clock)
        commands = Commands(
            reads=reads,
            people=self._people,
            actions=actions,
            lessons=lessons,
            starts=starts,
            crews=crews,
            clock=clock,
            board=board,
        )
        command.register(app, commands=commands, starts=starts, responder=self._responder)
        shortcuts.register(
            app,
            starts=starts,
            shortcuts=MessageShortcuts(state=state, reads=reads, people=self._people),
            responder=self._responder,
        )
        modals = ModalActions(state=state, reads=reads, people=self._people, actions=actions)
        decide.register(app, actions=actions, modals=modals, responder=self._responder)
        modal_listeners.register(app, modals=modals, responder=self._responder)
        revise.register(app, actions=actions, responder=self._responder)
        inner.register(app, actions=actions, responder=self._responder)
        manage.register(app, actions=actions)
        lesson_listeners.register(app, lessons=lessons, responder=self._responder)
        self._homes = HomePublisher(
            client(ANSWER_SECONDS),
            render=Homes(reads=reads, people=self._people).view,
            clock=clock,
        )
        home.register(app, homes=self._homes)
        places.register(
            app,
            state=state,
            people=self._people,
            commands=commands,
            responder=self._responder,
        )
        replies = Replies(state=state, reads=reads, people=self._people)
        thread.register(app, replies=replies, responder=self._responder)
        error_handler.register(app, modals=modals, responder=self._responder)
        self.door: Door = SlackDoor(app, signing_secret=config.signing_secret, clock=clock)
        self.persons: Persons = SlackPersons(self._people)
        self._delivery = Delivery(
            client(POST_SECONDS),
            outbox=outbox,
            reads=reads,
            clock=clock,
            owner=owner or uuid4().hex,
            timing=timing,
            clicks=clicks,
            on_card=self._homes.wake,
        )
        self._sockets = (
            SocketClient(
                app,
                client=client(ANSWER_SECONDS),
                app_token=config.app_token,
                logger=logger,
            )
            if config.app_token is not None
            else None
        )

    @property
    def connected(self) -> bool:
        """Whether deliveries reach this process. Always True over HTTP, where it is not known."""
        return self._sockets is None or self._sockets.connected

    @property
    def alive(self) -> bool:
        """Whether the delivery threads are running."""
        return self._delivery.alive

    def start(self) -> None:
        """Return at once, even if Slack cannot be reached."""
        self._delivery.start()
        self._homes.start()
        self._people.warm(named_in=self._naming_groups)
        if self._sockets is not None:
            self._sockets.start()

    def stop(self, grace: timedelta) -> None:
        """Accept nothing new, finish what was started, then let delivery finish its rows."""
        if self._sockets is not None:
            self._sockets.stop()
        self._executor.shutdown(wait=True, cancel_futures=False)
        self._responder.close()
        self._homes.close()
        self._delivery.stop(grace)
        self._people.close()

    def outbox_changed(self) -> None:
        """Wake delivery: messages are to be posted or updated. Returns at once."""
        self._delivery.wake()
        self._homes.wake()

    def deliver_due(self) -> None:
        """For a tick: deliver messages that have come due. Returns at once."""
        self._delivery.wake()
        self._homes.wake()

    def refresh_actors(self) -> None:
        """For a tick: reload what is cached about people and channels. Returns at once."""
        self._people.refresh()


def _client(config: SlackConfig, logger: logging.Logger, meter: Meter, seconds: int) -> WebClient:
    return MeteredClient(
        token=config.bot_token,
        base_url=config.api_url if config.api_url.endswith("/") else f"{config.api_url}/",
        timeout=seconds,
        logger=logger,
        meter=meter,
    )


def _library_logger() -> logging.Logger:
    """A silent logger for the libraries, whose warnings contain bodies and headers."""
    logger = logging.getLogger("bot.slack.libraries")
    logger.setLevel(logging.CRITICAL)
    return logger
