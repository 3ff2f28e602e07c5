"""Builds one practice workspace from its parts."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from practice.delivery.deliveries import Ack, Deliveries, Delivery
from practice.delivery.events import Events
from practice.delivery.http_push import HttpPush
from practice.delivery.sockets import Sockets
from practice.faults.plan import Faults
from practice.faults.rate_limit import PostingRateLimit, TierLimits
from practice.interactions import Interactions
from practice.page_feed import PageFeed
from practice.seed import practice_team
from practice.shortcuts import Shortcuts
from practice.state.changes import AppChanged
from practice.state.errors import InvalidView, SlackError
from practice.state.records import Json
from practice.state.tickets import ResponseUrls, SocketTickets, Triggers
from practice.state.views import Views
from practice.state.workspace import Workspace
from practice.traffic import Traffic
from practice.web_api.call import Call, Uploads
from practice.web_api.endpoint import WebApi
from practice.web_api.modals import checked_view
from practice.web_api.response_urls import ResponseUrlApi

USAGE_SEPARATOR = r"[|·]"


class Practice:
    """All parts of the workspace; `server.py` serves them over HTTP.

    Everything here runs in the server's event loop. Other threads must go through
    `server.Running.call`.
    """

    def __init__(
        self, workspace: Workspace | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.workspace = workspace or practice_team(clock=clock)
        self.base_url = ""
        self.traffic = Traffic(clock)
        self.faults = Faults()
        self.rate_limit = PostingRateLimit(clock)
        self.tiers = TierLimits(clock)
        self.triggers = Triggers(clock)
        self.responses = ResponseUrls(clock)
        self.tickets = SocketTickets(clock)
        self.uploads = Uploads()
        self.views = Views(self.workspace)
        self.sockets = Sockets(
            self.tickets, app_id=self.workspace.app.app_id, changed=self._app_changed
        )
        self.push = HttpPush(self.workspace.app, clock)
        self.deliveries = Deliveries(_ActiveTransport(self), self.traffic)
        self.response_url_api = ResponseUrlApi(
            workspace=self.workspace,
            responses=self.responses,
            faults=self.faults,
            traffic=self.traffic,
        )
        self.interactions = Interactions(
            workspace=self.workspace,
            deliveries=self.deliveries,
            views=self.views,
            triggers=self.triggers,
            responses=self.responses,
            base_url=self._url,
            respond=self.response_url_api.ack_message,
            checked_view=_checked_view,
        )
        self.shortcuts = Shortcuts(
            workspace=self.workspace,
            deliveries=self.deliveries,
            triggers=self.triggers,
            responses=self.responses,
            base_url=self._url,
        )
        self.page_feed = PageFeed(self.workspace, base_url=self._url, app_json=self.app_json)
        self.web_api = WebApi(
            app=self.workspace.app,
            faults=self.faults,
            rate_limit=self.rate_limit,
            tiers=self.tiers,
            traffic=self.traffic,
            new_call=self._call,
        )
        self.events = Events(self.workspace, self.deliveries, self._url)
        self.workspace.listeners += [self.page_feed.on_change, self.events.on_change]
        self.traffic.watchers.append(self.page_feed.on_traffic)

    def reach_by_http(self, request_url: str | None) -> None:
        """Deliver by signed HTTP to this URL, or over the app's sockets if it is None."""
        self.workspace.app.request_url = request_url
        self._app_changed()

    def app_json(self) -> Json:
        app = self.workspace.app
        return {
            "id": app.bot_id,
            "user_id": app.bot_user,
            "name": app.name,
            "description": app.description,
            "example": _example(app.commands),
            "connected": self.deliveries.transport.connected,
            "mode": "http" if app.request_url else ("socket" if self.sockets.connected else None),
            "home_tab": app.home_tab,
            "shortcuts": list(app.shortcuts),
        }

    async def close(self) -> None:
        await self.deliveries.close()
        await self.page_feed.close()
        await self.sockets.close()
        await self.push.close()

    def _url(self) -> str:
        return self.base_url

    def _app_changed(self) -> None:
        self.workspace.emit(AppChanged())

    def _call(self, method: str, arguments: Json) -> Call:
        return Call(
            method=method,
            arguments=arguments,
            workspace=self.workspace,
            views=self.views,
            triggers=self.triggers,
            responses=self.responses,
            sockets=self.tickets,
            uploads=self.uploads,
            base_url=self.base_url,
        )


class _ActiveTransport:
    """Uses HTTP if the app has a request URL, and its sockets otherwise."""

    def __init__(self, practice: Practice) -> None:
        self._practice = practice

    @property
    def _transport(self) -> Sockets | HttpPush:
        uses_http = self._practice.workspace.app.request_url is not None
        return self._practice.push if uses_http else self._practice.sockets

    @property
    def connected(self) -> bool:
        return self._transport.connected

    async def push(
        self, delivery: Delivery, *, attempt: int, reason: str | None, timeout: float
    ) -> Ack:
        return await self._transport.push(delivery, attempt=attempt, reason=reason, timeout=timeout)


def _example(commands: list[Json]) -> str | None:
    """The app's first command with the first alternative of its usage hint."""
    if not commands:
        return None
    name, hint = commands[0]["command"], commands[0]["usage_hint"]
    return f"{name} {re.split(USAGE_SEPARATOR, hint)[0].strip()}".strip()


def _checked_view(definition: Json) -> Json:
    try:
        return checked_view(definition)
    except SlackError as error:
        raise InvalidView(str(error.details or error.name)) from error
