"""Revise: the button, the form, and the reply in its stead."""

from __future__ import annotations

from slack_bolt import Ack, App, Respond
from slack_sdk import WebClient

from bot.slack import ids
from bot.slack.actions.checkpoints import CheckpointActions
from bot.slack.actions.forms import open_form
from bot.slack.inbound import parse
from bot.slack.inbound.payload_shape import Body
from bot.slack.listeners.responses import Responder
from bot.slack.render import answers


def register(app: App, *, desk: CheckpointActions, answering: Responder) -> None:
    def on_revise(ack: Ack, body: Body, client: WebClient, respond: Respond) -> None:
        click = parse.click(body)
        checkpoint, form = desk.intend_revision(click)
        ack()
        otherwise = answers.reply_is_revision(checkpoint)
        answer = open_form(client, form, trigger_id=click.trigger_id, otherwise=otherwise)
        answering.privately(respond, answer, thread_ts=click.thread_ts)

    def on_sent(ack: Ack, body: Body) -> None:
        desk.revise(parse.submission(body))
        ack()

    def on_closed(ack: Ack, body: Body, client: WebClient) -> None:
        closed = parse.closed(body)
        answer = desk.close_form(closed)
        ack()
        answering.in_thread(
            client,
            answer,
            channel=closed.view.channel,
            thread_ts=closed.view.thread_ts,
            user=closed.by.id,
        )

    def on_never_mind(ack: Ack, body: Body, respond: Respond) -> None:
        answer = desk.never_mind(parse.click(body))
        ack()
        answering.privately(respond, answer, replace=True)

    app.action(str(ids.ActionId.REVISE))(on_revise)
    app.view(ids.REVISION_VIEW)(on_sent)
    app.view_closed(ids.REVISION_VIEW)(on_closed)
    app.action(str(ids.ActionId.NEVER_MIND))(on_never_mind)
