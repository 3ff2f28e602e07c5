"""The one place where errors of listeners become answers."""

from __future__ import annotations

import json
import logging

from slack_bolt import App, BoltContext, BoltResponse

from bot.slack import ids
from bot.slack.inbound import parse
from bot.slack.inbound.payload_shape import Body, PayloadError
from bot.slack.listeners.responses import Responder
from bot.slack.render import modal, refusals
from bot.slack.render.answers import Answer
from storage.errors import Busy, CountersignError, TextNeeded

log = logging.getLogger(__name__)


def register(app: App, *, answering: Responder) -> None:
    def on_error(
        error: Exception, body: Body, context: BoltContext, response: BoltResponse | None
    ) -> None:
        """`response` is None where the request is acknowledged already."""
        reply = response if response is not None else BoltResponse(status=200)
        if isinstance(error, (PayloadError, ids.IdError)):
            reply.status, reply.body = 400, ""
            return
        answer = _answer(error)
        if parse.is_event(body):
            # Slack sends an event again that was not taken, so what may pass is not.
            reply.status, reply.body = (503 if _may_pass(error) else 200), ""
            if reply.status == 200:
                channel, thread_ts = parse.answer_place(body)
                answering.in_thread(
                    context.client,
                    answer,
                    channel=channel,
                    thread_ts=thread_ts,
                    user=parse.author(body).id,
                )
            return
        reply.status, reply.body = 200, ""
        if parse.is_submission(body):
            _answer_form(error, answer, reply)
            return
        context.ack()
        if context.respond is not None and context.response_url is not None:
            answering.privately(context.respond, answer, thread_ts=parse.thread_of(body))

    app.error(on_error)


def _answer(error: Exception) -> Answer:
    if isinstance(error, CountersignError):
        return Answer(refusals.refusal(error))
    log.error("slack.listener_failed", exc_info=error, extra={"error": type(error).__name__})
    return Answer(refusals.UNEXPECTED)


def _may_pass(error: Exception) -> bool:
    """Trouble after which the same event, sent again, may be taken."""
    return isinstance(error, Busy) or not isinstance(error, CountersignError)


def _answer_form(error: Exception, answer: Answer, reply: BoltResponse) -> None:
    """In the form itself: beside the field where it is about the field."""
    if isinstance(error, TextNeeded):
        said: dict[str, object] = {
            "response_action": "errors",
            "errors": {ids.TEXT_BLOCK: answer.text},
        }
    else:
        said = {"response_action": "update", "view": modal.told(answer.text).to_dict()}
    reply.headers["content-type"] = ["application/json"]
    reply.body = json.dumps(said)
