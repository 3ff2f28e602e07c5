"""Messages sent to a response URL or in the body of an ack.

As in Slack, a response to a click replaces the clicked message unless
`replace_original` is false, and a new message goes to the channel, not to the thread of
the clicked message, unless it has a `thread_ts`.
"""

from __future__ import annotations

import json
import time

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from practice.faults import injection
from practice.faults.plan import Faults
from practice.limits import ANY_SIZE, check_message
from practice.state.errors import SlackError
from practice.state.records import Channel, Json, Message
from practice.state.tickets import ResponseTarget, ResponseUrls
from practice.state.workspace import Workspace
from practice.traffic import Traffic


class ResponseUrlApi:
    """Serves `/hooks/{team}/{name}` and posts messages from acks."""

    def __init__(
        self, *, workspace: Workspace, responses: ResponseUrls, faults: Faults, traffic: Traffic
    ) -> None:
        self._workspace = workspace
        self._responses = responses
        self._faults = faults
        self._traffic = traffic

    async def endpoint(self, request: Request) -> Response:
        started = time.monotonic()
        try:
            body = json.loads(await request.body())
        except ValueError:
            body = None
        fault = self._faults.next("response_url")
        response = await injection.before_call(request, fault)
        if response is None:
            response = self._use(request.path_params["name"], body)
        self._traffic.record(
            direction="from_bot",
            kind="response_url",
            name="response_url",
            status=response.status_code,
            seconds=time.monotonic() - started,
            note=fault.kind if fault else "",
            sent=body,
        )
        return await injection.after_call(request, fault, response)

    def ack_message(self, user: str, channel: Channel, body: Json) -> None:
        """Show the message in the body of an ack, if there is one."""
        if body.get("text") or body.get("blocks"):
            target = ResponseTarget(user, channel.id, None, ephemeral=False, until=0.0)
            self._show(target, body)

    def _use(self, name: str, body: object) -> Response:
        if not isinstance(body, dict):
            return _error("invalid_payload", 400)
        try:
            target = self._responses.use(name)
            problems = check_message(str(body.get("text") or ""), body.get("blocks"), ANY_SIZE)
            if problems:
                raise SlackError(problems[0].error)
            self._show(target, body)
        except SlackError as error:
            return _error(error.name, 404 if error.name.endswith("_url") else 400)
        return PlainTextResponse("ok")

    def _show(self, target: ResponseTarget, body: Json) -> None:
        workspace = self._workspace
        original = self._original(target)
        if body.get("delete_original") in (True, "true"):
            self._delete(original)
            return
        text, blocks = str(body.get("text") or ""), body.get("blocks")
        if not text.strip() and not blocks:
            raise SlackError("no_text")
        replace = body.get("replace_original")
        if original is not None and replace not in (False, "false"):
            self._replace(original, text, blocks)
        elif body.get("response_type") == "in_channel":
            workspace.post(
                channel=target.channel,
                user=workspace.app.bot_user,
                text=text,
                blocks=blocks,
                thread_ts=body.get("thread_ts"),
            )
        else:
            workspace.show_ephemeral(
                channel=target.channel,
                to=target.user,
                text=text,
                blocks=blocks,
                thread_ts=body.get("thread_ts"),
            )

    def _original(self, target: ResponseTarget) -> Message | None:
        if target.message_ts is None:
            return None
        if target.ephemeral:
            return self._workspace.ephemerals.get(target.message_ts)
        return self._workspace.find(target.channel, target.message_ts)

    def _replace(self, original: Message, text: str, blocks: list[Json] | None) -> None:
        if original.ephemeral_to is not None:
            self._workspace.replace_ephemeral(original, text=text, blocks=blocks)
        else:
            self._workspace.edit(
                original, by=self._workspace.app.bot_user, text=text, blocks=blocks
            )

    def _delete(self, original: Message | None) -> None:
        if original is None:
            raise SlackError("message_not_found")
        if original.ephemeral_to is not None:
            self._workspace.drop_ephemeral(original)
        else:
            self._workspace.delete(original)


def _error(error: str, status: int) -> Response:
    return JSONResponse({"ok": False, "error": error}, status_code=status)
