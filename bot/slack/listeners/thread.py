"""Replies in a thread, and the offer to use one as the revision."""

from __future__ import annotations

from collections.abc import Callable

from slack_bolt import Ack, App, BoltContext, Respond
from slack_sdk import WebClient

from bot.slack import ids
from bot.slack.actions.checkpoints import CheckpointActions
from bot.slack.inbound import parse
from bot.slack.inbound.payload_shape import Body
from bot.slack.listeners.responses import Responder
from bot.slack.render import answers


def register(app: App, *, actions: CheckpointActions, responder: Responder) -> None:
    def handle_reply(body: Body, context: BoltContext, next: Callable[[], object]) -> None:
        """Runs before Bolt acknowledges the event, so a reply is committed by then."""
        reply = parse.thread_reply(body, bot_user=context.bot_user_id)
        context["reply"] = reply
        context["answer"] = actions.handle_reply(reply) if reply is not None else None
        next()

    def on_reply(context: BoltContext, client: WebClient) -> None:
        reply, answer = context["reply"], context["answer"]
        if reply is not None:
            responder.post_in_thread(
                client,
                answer,
                channel=reply.channel,
                thread_ts=reply.thread_ts,
                user=reply.by.id,
            )

    def on_use_reply(ack: Ack, body: Body, respond: Respond) -> None:
        answer = actions.accept_reply(parse.click(body))
        ack()
        responder.reply_privately(respond, answer, replace=True)

    def on_continue(ack: Ack, body: Body, respond: Respond) -> None:
        answer = actions.continue_by_reply(parse.click(body))
        ack()
        responder.reply_privately(respond, answer, replace=True)

    def on_dismiss(ack: Ack, respond: Respond) -> None:
        ack()
        responder.reply_privately(respond, answers.DISMISSED, replace=True)

    app.event("message", middleware=[handle_reply])(on_reply)
    app.action(str(ids.ActionId.USE_REPLY))(on_use_reply)
    app.action(str(ids.ActionId.CONTINUE_BY_REPLY))(on_continue)
    app.action(str(ids.ActionId.DISMISS))(on_dismiss)
