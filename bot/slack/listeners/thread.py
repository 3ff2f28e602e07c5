"""What people write in a thread, and the offer to take it as a revision."""

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


def register(app: App, *, desk: CheckpointActions, answering: Responder) -> None:
    def hear(body: Body, context: BoltContext, next: Callable[[], object]) -> None:
        """Runs before Bolt acknowledges the event: what is acknowledged is committed."""
        said = parse.said(body, bot_user=context.bot_user_id)
        context["said"] = said
        context["answer"] = desk.hear(said) if said is not None else None
        next()

    def on_said(context: BoltContext, client: WebClient) -> None:
        said, answer = context["said"], context["answer"]
        if said is not None:
            answering.in_thread(
                client,
                answer,
                channel=said.channel,
                thread_ts=said.thread_ts,
                user=said.by.id,
            )

    def on_use(ack: Ack, body: Body, respond: Respond) -> None:
        answer = desk.use_reply(parse.click(body))
        ack()
        answering.privately(respond, answer, replace=True)

    def on_dismiss(ack: Ack, respond: Respond) -> None:
        ack()
        answering.privately(respond, answers.DISMISSED, replace=True)

    app.event("message", middleware=[hear])(on_said)
    app.action(str(ids.ActionId.USE_REPLY))(on_use)
    app.action(str(ids.ActionId.DISMISS))(on_dismiss)
