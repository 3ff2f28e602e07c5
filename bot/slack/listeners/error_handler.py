"""Turns errors of listeners into answers."""

from __future__ import annotations

import json
import logging

from slack_bolt import App, BoltContext, BoltResponse

from bot.slack import ids
from bot.slack.actions.forms import open_form
from bot.slack.actions.starts import as_typed
from bot.slack.inbound import parse
from bot.slack.inbound.payload_shape import Body, PayloadError
from bot.slack.listeners.responses import Responder
from bot.slack.render import modal, refusals, starting
from bot.slack.render.answers import Answer
from storage.errors import Busy, CountersignError, TextNeeded

log = logging.getLogger(__name__)


def register(app: App, *, responder: Responder) -> None:
    def on_error(
        error: Exception, body: Body, context: BoltContext, response: BoltResponse | None
    ) -> None:
        """`response` is None if the request has already been acknowledged."""
        reply = response if response is not None else BoltResponse(status=200)
        if isinstance(error, (PayloadError, ids.IdError)):
            reply.status, reply.body = 400, ""
            return
        answer = _with_what_was_typed(_answer(error), body)
        if parse.is_event(body):
            # Slack redelivers an event that gets a 503: ask for that only if a retry may help.
            reply.status, reply.body = (503 if _is_transient(error) else 200), ""
            if reply.status == 200:
                channel, thread_ts = parse.event_location(body)
                responder.post_in_thread(
                    context.client,
                    answer,
                    channel=channel,
                    thread_ts=thread_ts,
                    user=parse.event_author(body).id,
                )
            return
        reply.status, reply.body = 200, ""
        if parse.is_submission(body):
            _answer_form(error, answer, reply)
            return
        context.ack()
        if parse.is_in_home(body):
            # A view has no response URL, so the answer opens in front of it.
            notice = modal.notice(answer.text)
            open_form(context.client, notice, trigger_id=parse.trigger_id(body), fallback=answer)
            return
        if context.respond is not None and context.response_url is not None:
            responder.reply_privately(context.respond, answer, thread_ts=parse.thread_of(body))

    app.error(on_error)


def _answer(error: Exception) -> Answer:
    if isinstance(error, CountersignError):
        return Answer(refusals.refusal(error))
    log.error("slack.listener_failed", exc_info=error, extra={"error": type(error).__name__})
    return Answer(refusals.UNEXPECTED)


def _with_what_was_typed(answer: Answer, body: Body) -> Answer:
    """The answer to a command or a start that was refused also gives back its words."""
    if parse.is_start_submission(body):
        typed = as_typed(parse.start_submission(body))
    elif parse.is_command(body):
        typed = parse.command(body).text.strip()
    else:
        return answer
    return Answer(starting.with_paste(answer.text, typed))


def _is_transient(error: Exception) -> bool:
    """Whether the same event may succeed if it is delivered again."""
    return isinstance(error, Busy) or not isinstance(error, CountersignError)


def _answer_form(error: Exception, answer: Answer, reply: BoltResponse) -> None:
    """Show the answer in the form: beside the field if it is about the field."""
    if isinstance(error, TextNeeded):
        update: dict[str, object] = {
            "response_action": "errors",
            "errors": {ids.TEXT_BLOCK: answer.text},
        }
    else:
        update = {"response_action": "update", "view": modal.notice(answer.text).to_dict()}
    reply.headers["content-type"] = ["application/json"]
    reply.body = json.dumps(update)
