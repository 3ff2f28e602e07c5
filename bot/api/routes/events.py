"""Events as they happen: streams, WebSockets, and tickets for them."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

from fastapi import APIRouter, Header, HTTPException, Query, Response, WebSocket
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from bot.api.access import Caller, MayRead
from bot.api.live import event_socket
from bot.api.live.audience import Audience
from bot.api.live.event_stream import MEDIA_TYPE, EventStream
from bot.api.live.feed import Start
from bot.api.routes.responses import problems
from bot.api.services import Services
from storage.errors import CountersignError, UnknownExecution
from storage.states import ENDED
from storage.token_manager import TICKET_LIFETIME
from storage.tokens import Scope

_ID: Final = r"^[0-9]{1,18}$"

LastEventId: TypeAlias = Annotated[
    str | None,
    Query(pattern=_ID, description="As the header `Last-Event-ID`, which wins if both are sent."),
]
LastEventIdHeader: TypeAlias = Annotated[
    str | None, Header(alias="Last-Event-ID", description="Resume after the event with this id.")
]
Ticket: TypeAlias = Annotated[
    str | None, Query(description="From `POST /api/events/ticket`, in place of a token.")
]


class EventBody(BaseModel):
    """What happened to an execution. Ids and fixed words, no texts."""

    id: str = Field(description="Grows with each event, also over restarts.")
    type: str
    execution_id: str
    at: str
    status: str = Field(description="The execution's status after it.")
    checkpoint_id: str | None = None
    checkpoint_name: str | None = None
    kind: str | None = Field(
        None, description="Why a checkpoint waits, if not for a phase's output."
    )
    phase: str | None = None
    revision: int | None = None
    action: str | None = None
    actor: str | None = None
    crew: str | None = None


class TicketBody(BaseModel):
    """Opens streams of events for `expires_in` seconds, as `?ticket=`."""

    ticket: str
    expires_in: int


_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The events, one JSON object each",
        "content": {
            MEDIA_TYPE: {
                "schema": {"type": "string"},
                "example": 'id: 42\ndata: {"id":"42","type":"checkpoint.waiting",'
                '"execution_id":"2f1c…","at":"2026-01-31T12:00:00Z","status":"waiting_feedback",'
                '"checkpoint_id":"9a0b…","checkpoint_name":"strategy_review",'
                '"phase":"strategy","revision":1}\n\n',
            }
        },
    }
}


def router(services: Services) -> APIRouter:
    routes = APIRouter(tags=["events"])
    streams = _Streams(services)

    @routes.get(
        "/api/events",
        response_class=EventStream,
        status_code=200,
        responses={**_STREAM, **problems(400, 401)},
    )
    async def events(
        caller: MayRead,
        last_event_id: LastEventId = None,
        resume_after: LastEventIdHeader = None,
        ticket: Ticket = None,  # noqa: ARG001  # for the OpenAPI document: the middleware reads it
    ) -> Response:
        """The events of all executions that the caller may see, from now on."""
        after = _position(resume_after or last_event_id)
        return streams.response(await streams.of_all(caller, after))

    @routes.get(
        "/api/executions/{execution_id}/events",
        response_class=EventStream,
        status_code=200,
        responses={
            **_STREAM,
            204: {"description": "The execution has ended, and no event follows"},
            **problems(400, 401, 404),
        },
    )
    async def execution_events(
        caller: MayRead,
        execution_id: str,
        last_event_id: LastEventId = None,
        resume_after: LastEventIdHeader = None,
        ticket: Ticket = None,  # noqa: ARG001
    ) -> Response:
        """The events of one execution, from its first. The stream ends with the last one."""
        after = _position(resume_after or last_event_id)
        start = await streams.of_execution(caller, execution_id, after)
        if await streams.is_over(start):
            return Response(status_code=204)
        return streams.response(start)

    @routes.post("/api/events/ticket", responses=problems(401, 403))
    def ticket(caller: MayRead, response: Response) -> TicketBody:
        """A ticket for clients that cannot send headers: browsers' EventSource and WebSocket."""
        response.headers["Cache-Control"] = "no-store"
        parent = None if caller.kind is None else caller.id
        secret = services.tokens.create_ticket(parent)
        return TicketBody(ticket=secret, expires_in=int(TICKET_LIFETIME.total_seconds()))

    @routes.websocket("/api/events/ws")
    async def events_socket(socket: WebSocket, last_event_id: str | None = None) -> None:
        await streams.serve(socket, None, last_event_id)

    @routes.websocket("/api/executions/{execution_id}/events/ws")
    async def execution_socket(
        socket: WebSocket, execution_id: str, last_event_id: str | None = None
    ) -> None:
        await streams.serve(socket, execution_id, last_event_id)

    return routes


class _Streams:
    """Opens streams: from where, and for whom."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._hub = services.hub
        self._audience = Audience(services.access, services.tokens)

    def response(self, start: Start) -> EventStream:
        return EventStream(self._hub, self._audience, start)

    async def of_all(self, caller: Caller, after: int | None) -> Start:
        sight = await self._audience.sight(caller)
        if sight is None:
            raise HTTPException(401, "a valid token is needed", {"WWW-Authenticate": "Bearer"})
        newest = await self._hub.newest()
        return Start(caller, sight, newest if after is None else min(after, newest))

    async def of_execution(self, caller: Caller, execution_id: str, after: int | None) -> Start:
        """Raises UnknownExecution, also for executions that the caller may not see."""
        start = await self.of_all(caller, after or 0)
        execution = await run_in_threadpool(self._services.access.execution, caller, execution_id)
        return Start(
            caller,
            start.sight,
            start.position,
            execution.id,
            ended=execution.state in ENDED,
        )

    async def is_over(self, start: Start) -> bool:
        """Whether no event comes after the start."""
        if not start.ended:
            return False
        reads, position = self._services.reads, start.position
        return not await self._hub.in_thread(
            lambda: reads.events_after(position, 1, execution_id=start.execution_id)
        )

    async def serve(
        self, socket: WebSocket, execution_id: str | None, last_event_id: str | None
    ) -> None:
        caller: Caller = socket.state.caller
        if Scope.READ not in caller.scopes:
            await event_socket.refuse(socket, 403, "the token lacks the scope 'read'")
            return
        try:
            after = _position(last_event_id)
            start = (
                await self.of_all(caller, after)
                if execution_id is None
                else await self.of_execution(caller, execution_id, after)
            )
        except HTTPException as error:
            await event_socket.refuse(socket, error.status_code, str(error.detail))
        except UnknownExecution:
            await event_socket.refuse(socket, 404, "no such execution")
        except CountersignError:
            await event_socket.refuse(socket, 503, "the database does not answer")
        else:
            await event_socket.send_events(socket, self._hub, self._audience, start)


def _position(last_event_id: str | None) -> int | None:
    """The `seq` of the last event that a client has. Raises HTTPException."""
    if not last_event_id:
        return None
    if not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= 18):
        raise HTTPException(400, "Last-Event-ID must be the id of an event: a number")
    return int(last_event_id)
