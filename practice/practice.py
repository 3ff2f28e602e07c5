"""One practice workspace with all of its parts, put together."""

from __future__ import annotations

import time
from collections.abc import Callable

from practice.api.call import Call, Uploads
from practice.api.endpoint import WebApi
from practice.api.modals import checked
from practice.changes import AppChanged
from practice.deliveries import Ack, Deliveries, Delivery
from practice.errors import SlackError, ViewProblem
from practice.events import Events
from practice.faults import Faults
from practice.hooks import Hooks
from practice.http_push import HttpPush
from practice.hub import Hub
from practice.interactions import Interactions
from practice.pace import Pace
from practice.records import Json
from practice.seed import practice_team
from practice.sockets import Sockets
from practice.tickets import ResponseUrls, SocketTickets, Triggers
from practice.traffic import Traffic
from practice.views import Views
from practice.workspace import Workspace


class Practice:
    """The composed server side; `practice.server` puts HTTP around it.

    Everything here lives in the server's event loop: other threads go through
    `practice.server.Running.call`.
    """

    def __init__(
        self, workspace: Workspace | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.workspace = workspace or practice_team(clock=clock)
        self.base_url = ""
        self.traffic = Traffic(clock)
        self.faults = Faults()
        self.pace = Pace(clock)
        self.triggers = Triggers(clock)
        self.responses = ResponseUrls(clock)
        self.tickets = SocketTickets(clock)
        self.uploads = Uploads()
        self.views = Views(self.workspace)
        self.sockets = Sockets(
            self.tickets, app_id=self.workspace.app.app_id, changed=self._app_changed
        )
        self.push = HttpPush(self.workspace.app, clock)
        self.deliveries = Deliveries(_EitherWay(self), self.traffic)
        self.hooks = Hooks(
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
            respond=self.hooks.ack_message,
            checked_view=_checked_answer,
        )
        self.hub = Hub(self.workspace, base_url=self._url, app_shape=self.app_shape)
        self.web_api = WebApi(
            app=self.workspace.app,
            faults=self.faults,
            pace=self.pace,
            traffic=self.traffic,
            new_call=self._call,
        )
        self.events = Events(self.workspace, self.deliveries, self._url)
        self.workspace.listeners += [self.hub.heard, self.events.heard]
        self.traffic.watchers.append(self.hub.seen)

    def reach_by_http(self, request_url: str | None) -> None:
        """Deliver over signed HTTP to this URL, or with None over the app's sockets."""
        self.workspace.app.request_url = request_url
        self._app_changed()

    def app_shape(self) -> Json:
        app = self.workspace.app
        return {
            "id": app.bot_id,
            "user_id": app.bot_user,
            "name": app.name,
            "connected": self.deliveries.transport.connected,
            "mode": "http" if app.request_url else ("socket" if self.sockets.connected else None),
            "home_tab": app.home_tab,
        }

    async def close(self) -> None:
        await self.deliveries.close()
        await self.hub.close()
        await self.sockets.close()
        await self.push.close()

    def _url(self) -> str:
        return self.base_url

    def _app_changed(self) -> None:
        self.workspace.tell(AppChanged())

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


class _EitherWay:
    """HTTP when the app has a request URL, sockets otherwise."""

    def __init__(self, practice: Practice) -> None:
        self._practice = practice

    @property
    def _way(self) -> Sockets | HttpPush:
        over_http = self._practice.workspace.app.request_url is not None
        return self._practice.push if over_http else self._practice.sockets

    @property
    def connected(self) -> bool:
        return self._way.connected

    async def push(
        self, delivery: Delivery, *, attempt: int, reason: str | None, timeout: float
    ) -> Ack:
        return await self._way.push(delivery, attempt=attempt, reason=reason, timeout=timeout)


def _checked_answer(definition: Json) -> Json:
    try:
        return checked(definition)
    except SlackError as refused:
        raise ViewProblem(str(refused.details or refused.name)) from refused
