"""Revise: the button, the form, and dropping the intent."""

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


def register(app: App, *, actions: CheckpointActions, responder: Responder) -> None:
    def on_revise(ack: Ack, body: Body, client: WebClient, respond: Respond) -> None:
        click = parse.click(body)
        checkpoint, form = actions.start_revision(click)
        ack()
        fallback = answers.reply_is_revision(checkpoint)
        answer = open_form(
            client,
            form,
            trigger_id=click.trigger_id,
            fallback=fallback,
            on_top=click.in_modal,
        )
        responder.answer_click(client, respond, click, answer)

    def on_submit(ack: Ack, body: Body) -> None:
        actions.submit_revision(parse.submission(body))
        ack(response_action="clear")

    def on_closed(ack: Ack, body: Body, client: WebClient) -> None:
        closed = parse.form_closed(body)
        answer = actions.close_revision_form(closed)
        ack()
        responder.post_in_thread(
            client,
            answer,
            channel=closed.view.channel,
            thread_ts=closed.view.thread_ts,
            user=closed.by.id,
        )

    def on_never_mind(ack: Ack, body: Body, respond: Respond) -> None:
        answer = actions.drop_revision(parse.click(body))
        ack()
        responder.reply_privately(respond, answer, replace=True)

    app.action(str(ids.ActionId.REVISE))(on_revise)
    app.view(ids.REVISION_VIEW)(on_submit)
    app.view_closed(ids.REVISION_VIEW)(on_closed)
    app.action(str(ids.ActionId.NEVER_MIND))(on_never_mind)
