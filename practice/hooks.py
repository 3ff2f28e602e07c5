"""Response URLs and the bodies of acks: messages that answer an interaction.

Without `replace_original` an answer to a click in a message replaces that message, as
Slack warns in its docs; without `thread_ts` a new one stands in the channel, never in
the thread of the message that was clicked.
"""

from __future__ import annotations

import json
import time

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from practice import interference
from practice.errors import SlackError
from practice.faults import Faults
from practice.limits import check_message
from practice.records import Channel, Json, Message
from practice.tickets import ResponseTarget, ResponseUrls
from practice.traffic import Traffic
from practice.workspace import Workspace


class Hooks:
    """Answers `/hooks/{team}/{name}` and shows what acks carry."""

    def __init__(
        self, *, workspace: Workspace, responses: ResponseUrls, faults: Faults, traffic: Traffic
    ) -> None:
        self._workspace = workspace
        self._responses = responses
        self._faults = faults
        self._traffic = traffic

    async def endpoint(self, request: Request) -> Response:
        begun = time.monotonic()
        try:
            body = json.loads(await request.body())
        except ValueError:
            body = None
        fault = self._faults.next("response_url")
        response = await interference.before(request, fault)
        if response is None:
            response = self._use(request.path_params["name"], body)
        self._traffic.note(
            direction="from_bot",
            kind="response_url",
            name="response_url",
            status=response.status_code,
            seconds=time.monotonic() - begun,
            note=fault.kind if fault else "",
            sent=body,
        )
        return await interference.after(request, fault, response)

    def ack_message(self, user: str, channel: Channel, body: Json) -> None:
        """Show a message that came as the body of an ack; an empty one shows nothing."""
        if body.get("text") or body.get("blocks"):
            target = ResponseTarget(user, channel.id, None, ephemeral=False, until=0.0)
            self._show(target, body)

    def _use(self, name: str, body: object) -> Response:
        if not isinstance(body, dict):
            return _refused("invalid_payload", 400)
        try:
            target = self._responses.use(name)
            problems = check_message(str(body.get("text") or ""), body.get("blocks"))
            if problems:
                raise SlackError(problems[0].error)
            self._show(target, body)
        except SlackError as refused:
            return _refused(refused.name, 404 if refused.name.endswith("_url") else 400)
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


def _refused(error: str, status: int) -> Response:
    return JSONResponse({"ok": False, "error": error}, status_code=status)
