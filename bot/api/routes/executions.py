"""Executions: lists, one with all that happened, its result, and what can be done with it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from bot.api import execution_bodies
from bot.api.access import MayExecute, MayRead
from bot.api.cursors import DEFAULT_LIMIT, Cursor, Limit
from bot.api.execution_bodies import ExecutionsBody
from bot.api.history import History
from bot.api.live.polling import NOT_MODIFIED, IfNoneMatch, Wait, conditional
from bot.api.routes.responses import problems
from bot.api.services import Services
from storage.history_reads import ExecutionFilter
from storage.states import ExecutionState


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("the year is too early or too late") from None


Moment: TypeAlias = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class ExecutionsQuery(BaseModel):
    """What a list is limited to. `status` may be given several times."""

    status: list[ExecutionState] = Field(default_factory=list, max_length=10)
    crew: str | None = Field(None, max_length=100)
    requester: str | None = Field(None, max_length=100, description="A Slack user's or token's id.")
    channel: str | None = Field(None, max_length=64)
    created_after: Moment | None = None
    created_before: Moment | None = None
    cursor: Cursor = None
    limit: Limit = DEFAULT_LIMIT


def router(services: Services) -> APIRouter:
    routes = APIRouter(prefix="/api/executions", tags=["executions"])
    history = History(services)

    @routes.get("", responses=problems(400))
    def executions(caller: MayRead, query: Annotated[ExecutionsQuery, Query()]) -> ExecutionsBody:
        """Executions, newest first."""
        wanted = ExecutionFilter(
            states=frozenset(query.status),
            crew=query.crew,
            requester=query.requester,
            channel=query.channel,
            created_after=query.created_after,
            created_before=query.created_before,
            visible=history.visible(caller),
        )
        return history.executions(wanted, cursor=query.cursor, limit=query.limit)

    @routes.get(
        "/{execution_id}",
        response_model=execution_bodies.ExecutionBody,
        responses={**NOT_MODIFIED, **problems(400, 404)},
    )
    async def execution(
        caller: MayRead,
        request: Request,
        execution_id: str,
        wait: Wait = 0,
        if_none_match: IfNoneMatch = None,  # noqa: ARG001  # read by `conditional`
    ) -> Response:
        """One execution, with its phases, checkpoints, decisions and outputs."""
        read = partial(history.execution, caller, execution_id)
        return await conditional(request, services.hub, execution_id, read, wait=wait)

    @routes.get("/{execution_id}/audit", responses=problems(400, 404))
    def audit(
        caller: MayRead, execution_id: str, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
    ) -> execution_bodies.AuditBody:
        """What happened to an execution, and who did it, oldest first."""
        return history.audit(caller, execution_id, cursor=cursor, limit=limit)

    @routes.get(
        "/{execution_id}/result",
        response_class=PlainTextResponse,
        responses={200: {"content": {"text/markdown": {}}}, **problems(404, 409)},
    )
    def result(caller: MayRead, execution_id: str) -> Response:
        """The result of a completed execution, as Markdown."""
        text = history.result(caller, execution_id)
        return Response(text, media_type="text/markdown; charset=utf-8")

    @routes.post("/{execution_id}/cancel", responses=problems(403, 404, 409))
    def cancel(caller: MayExecute, execution_id: str) -> execution_bodies.ExecutionBody:
        """Cancel an execution that has not ended."""
        return history.cancel(caller, execution_id)

    @routes.post("/{execution_id}/retry", responses=problems(403, 404, 409))
    def retry(caller: MayExecute, execution_id: str) -> execution_bodies.ExecutionBody:
        """Run the failed phase of an execution in `error` again."""
        return history.retry(caller, execution_id)

    return routes
