"""Replies in a thread, and the offer to use one as the revision."""

from __future__ import annotations

from collections.abc import Callable

from slack_bolt import Ack, App, BoltContext, Respond
from slack_sdk import WebClient

from bot.slack import ids
from bot.slack.actions.replies import Replies
from bot.slack.inbound import parse, thread_messages
from bot.slack.inbound.payload_shape import Body
from bot.slack.listeners.responses import Responder
from bot.slack.render import answers


def register(app: App, *, replies: Replies, responder: Responder) -> None:
    def handle(body: Body, context: BoltContext, next: Callable[[], object]) -> None:
        """Runs before Bolt acknowledges the event, so a reply is committed by then."""
        reply = thread_messages.thread_reply(body, bot_user=context.bot_user_id)
        edited = thread_messages.edited_reply(body) if reply is None else None
        context["message"] = reply or edited
        context["answer"] = None
        if reply is not None:
            context["answer"] = replies.handle_reply(reply)
        elif edited is not None:
            context["answer"] = replies.handle_edit(edited)
        next()

    def on_message(context: BoltContext, client: WebClient) -> None:
        message, answer = context["message"], context["answer"]
        if message is not None:
            responder.post_in_thread(
                client,
                answer,
                channel=message.channel,
                thread_ts=message.thread_ts,
                user=message.by.id,
            )

    def on_use_reply(ack: Ack, body: Body, respond: Respond) -> None:
        answer = replies.accept_reply(parse.click(body))
        ack()
        responder.reply_privately(respond, answer, replace=True)

    def on_continue(ack: Ack, body: Body, respond: Respond) -> None:
        answer = replies.continue_by_reply(parse.click(body))
        ack()
        responder.reply_privately(respond, answer, replace=True)

    def on_outcome(ack: Ack, body: Body, respond: Respond) -> None:
        answer = replies.choose_outcome_by_reply(parse.click(body))
        ack()
        responder.reply_privately(respond, answer, replace=True)

    def on_dismiss(ack: Ack, respond: Respond) -> None:
        ack()
        responder.reply_privately(respond, answers.DISMISSED, replace=True)

    app.event("message", middleware=[handle])(on_message)
    app.action(str(ids.ActionId.USE_REPLY))(on_use_reply)
    app.action(str(ids.ActionId.CONTINUE_BY_REPLY))(on_continue)
    app.action(ids.OUTCOMES_BY_REPLY)(on_outcome)
    app.action(str(ids.ActionId.DISMISS))(on_dismiss)
