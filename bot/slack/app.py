"""Slack, put together: what the wiring starts, stops and wakes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import uuid4

from slack_bolt import App
from slack_sdk import WebClient

from bot.door import Door
from bot.slack.actions.checkpoints import CheckpointActions
from bot.slack.actions.commands import Commands
from bot.slack.actions.lessons import Lessons
from bot.slack.inbound.door import SlackDoor
from bot.slack.inbound.sockets import Sockets
from bot.slack.listeners import command, decide, error_handler, inner, manage, revise, thread
from bot.slack.listeners import lessons as lesson_buttons
from bot.slack.listeners.responses import Responder
from bot.slack.outbound.delivery import DEFAULT_TIMING, Delivery, DeliveryTiming
from bot.slack.people.actors import People
from storage.definitions import CrewDefinition
from storage.outbox.outbox import Outbox
from storage.ports import Clock
from storage.reads import Reads
from storage.state_manager import StateManager

SLACK_API: Final = "https://slack.com/api/"
LISTENERS: Final = 16
ANSWER_SECONDS: Final = 5
FACT_SECONDS: Final = 3
POST_SECONDS: Final = 15


@dataclass(frozen=True, slots=True)
class SlackConfig:
    """Tokens are left out of its repr."""

    bot_token: str = field(repr=False)
    signing_secret: str = field(repr=False)
    app_token: str | None = field(default=None, repr=False)
    api_url: str = SLACK_API
    default_channel: str | None = None


class SlackFront:
    """The bot in Slack. `door` takes what comes over HTTP; with an app token a socket does.

    `owner` names this process in the outbox rows that it holds (default: a random name).
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
        tempo: DeliveryTiming = DEFAULT_TIMING,
    ) -> None:
        quiet = _quiet_logger()
        answering = _client(config, quiet, seconds=ANSWER_SECONDS)
        asking = _client(config, quiet, seconds=FACT_SECONDS)
        self._executor = ThreadPoolExecutor(LISTENERS, thread_name_prefix="slack-listener")
        self._answering = Responder()
        self._people = People(asking, reads=reads, clock=clock)
        desk = CheckpointActions(state=state, reads=reads, people=self._people)
        lessons = Lessons(state=state, reads=reads, people=self._people, crews=crews)
        app = App(
            client=answering,
            signing_secret=config.signing_secret,
            logger=quiet,
            name="countersign",
            token_verification_enabled=False,
            request_verification_enabled=False,
            process_before_response=False,
            listener_executor=self._executor,
        )
        command.register(
            app,
            commands=Commands(
                state=state,
                reads=reads,
                people=self._people,
                desk=desk,
                lessons=lessons,
                crews=crews,
            ),
            answering=self._answering,
        )
        decide.register(app, desk=desk)
        revise.register(app, desk=desk, answering=self._answering)
        inner.register(app, desk=desk, answering=self._answering)
        manage.register(app, desk=desk)
        lesson_buttons.register(app, lessons=lessons, answering=self._answering)
        thread.register(app, desk=desk, answering=self._answering)
        error_handler.register(app, answering=self._answering)
        self.door: Door = SlackDoor(app, signing_secret=config.signing_secret, clock=clock)
        self._delivery = Delivery(
            _client(config, quiet, seconds=POST_SECONDS),
            outbox=outbox,
            reads=reads,
            clock=clock,
            owner=owner or uuid4().hex,
            tempo=tempo,
        )
        self._sockets = (
            Sockets(
                app,
                client=_client(config, quiet, seconds=ANSWER_SECONDS),
                app_token=config.app_token,
                logger=quiet,
            )
            if config.app_token is not None
            else None
        )

    @property
    def connected(self) -> bool:
        """Whether what people do reaches this process. Over HTTP that is not ours to know."""
        return self._sockets is None or self._sockets.connected

    @property
    def alive(self) -> bool:
        """Whether messages are still brought to Slack, or would be if it answered."""
        return self._delivery.alive

    def start(self) -> None:
        """Returns at once, also while Slack is away."""
        self._delivery.start()
        self._people.warm()
        if self._sockets is not None:
            self._sockets.start()

    def stop(self, grace: timedelta) -> None:
        """Take nothing new, let what was begun end, then let delivery end its rows."""
        if self._sockets is not None:
            self._sockets.stop()
        self._executor.shutdown(wait=True, cancel_futures=False)
        self._answering.close()
        self._delivery.stop(grace)
        self._people.close()

    def outbox_changed(self) -> None:
        """Something is to be posted or updated. Returns at once."""
        self._delivery.wake()

    def deliver_due(self) -> None:
        """For a tick: look whether something put off has come due. Returns at once."""
        self._delivery.wake()

    def refresh_actors(self) -> None:
        """For a tick: ask Slack anew who is who. Returns at once."""
        self._people.refresh()


def _client(config: SlackConfig, logger: logging.Logger, *, seconds: int) -> WebClient:
    """Nothing is sent again on its own: a post whose answer was lost may have happened."""
    return WebClient(
        token=config.bot_token,
        base_url=config.api_url if config.api_url.endswith("/") else f"{config.api_url}/",
        timeout=seconds,
        retry_handlers=[],
        logger=logger,
    )


def _quiet_logger() -> logging.Logger:
    """For the libraries, which write bodies and headers into their warnings."""
    logger = logging.getLogger("bot.slack.libraries")
    logger.setLevel(logging.CRITICAL)
    return logger
