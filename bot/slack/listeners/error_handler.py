"""Turns errors of listeners into answers."""

from __future__ import annotations

import json
import logging
from typing import Final

from slack_bolt import App, BoltContext, BoltResponse, Respond
from slack_sdk.models.views import View

from bot.slack import ids
from bot.slack.actions.modals import ModalActions
from bot.slack.actions.starts import as_typed
from bot.slack.inbound import mrkdwn, parse, start_payloads
from bot.slack.inbound.payload_shape import Body, PayloadError
from bot.slack.listeners.responses import Responder
from bot.slack.render import answers, refusals, starting
from bot.slack.render.answers import Answer
from bot.slack.render.modals import not_taken
from storage.errors import (
    Busy,
    CountersignError,
    NotAllowed,
    NothingChanged,
    TextNeeded,
    WrongStructure,
)
from storage.policy import Refusal

log = logging.getLogger(__name__)


def register(app: App, *, modals: ModalActions, responder: Responder) -> None:
    def on_error(
        error: Exception, body: Body, context: BoltContext, response: BoltResponse | None
    ) -> None:
        """`response` is None if the request has already been acknowledged."""
        reply = response if response is not None else BoltResponse(status=200)
        if isinstance(error, (PayloadError, ids.IdError)):
            reply.status, reply.body = 400, ""
            return
        answer = _answer(error)
        if parse.is_submission(body):
            reply.status = 200
            reply.headers["content-type"] = ["application/json"]
            reply.body = json.dumps(_answer_form(error, answer, body, modals))
            return
        answer = _with_what_was_typed(answer, body)
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
        context.ack()
        if parse.is_in_view(body):
            respond = context.respond or Respond(response_url=None)
            responder.answer_click(context.client, respond, parse.click(body), answer)
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
    """The answer to a command that was refused also gives back its words."""
    if not parse.is_command(body):
        return answer
    typed = mrkdwn.as_typed(parse.command(body).text)
    return answers.with_fences(starting.with_paste(answer.text, typed), typed)


def _is_transient(error: Exception) -> bool:
    """Whether the same event may succeed if it is delivered again."""
    return isinstance(error, Busy) or not isinstance(error, CountersignError)


def _answer_form(
    error: Exception, answer: Answer, body: Body, modals: ModalActions
) -> dict[str, object]:
    """The answer to a submitted modal, in which no words are lost.

    What concerns a field, or may succeed if it is sent again, stands beside a field of the open
    form. Otherwise the form gives the words back.
    """
    field = parse.first_input(body)
    stays_open = isinstance(error, _CAN_BE_MENDED) or _may_be_allowed(error)
    if field is not None and stays_open:
        return {"response_action": "errors", "errors": {field: answer.text}}
    view = _words_given_back(answer.text, body, modals)
    return {"response_action": "update", "view": view.to_dict()}


_CAN_BE_MENDED: Final = (Busy, NothingChanged, TextNeeded, WrongStructure)
"""Errors after which the same form can be sent again, perhaps with other words."""


def _may_be_allowed(error: Exception) -> bool:
    """Whether Slack did not say yet if the person may decide."""
    return isinstance(error, NotAllowed) and error.refusal is Refusal.UNKNOWN


def _words_given_back(reason: str, body: Body, modals: ModalActions) -> View:
    if start_payloads.is_start_submission(body):
        typed = as_typed(start_payloads.start_submission(body))
        command = f"{ids.COMMAND} {typed}"
        return not_taken.not_taken(reason, [not_taken.Typed("", command)])
    sent = parse.submission(body) if parse.is_form_of_a_checkpoint(body) else None
    words = parse.typed_words(body)
    try:
        return modals.give_back(reason, sent, parse.view_kind(body), words)
    except (CountersignError, ids.IdError):
        return not_taken.not_taken(reason, [not_taken.Typed(w.label, w.text) for w in words])
