"""The Home tab: opened, or used."""

from __future__ import annotations

from collections.abc import Callable

from slack_bolt import App

from bot.slack.inbound import parse, place_payloads
from bot.slack.inbound.payload_shape import Body
from bot.slack.outbound.homes import HomePublisher


def register(app: App, *, homes: HomePublisher) -> None:
    def follow_use(body: Body, next: Callable[[], object]) -> None:
        """Runs before the listener of a click in the Home, whatever was clicked."""
        if place_payloads.is_in_home(body):
            homes.watch(parse.person_of(body))
        next()

    def on_opened(body: Body) -> None:
        opened = place_payloads.home_opened(body)
        if opened is not None:
            homes.opened(opened)

    app.middleware(follow_use)
    app.event("app_home_opened")(on_opened)
