"""Checkpoints that arise inside a crew: outcomes with words, and answers to questions."""

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
    def on_open_form(ack: Ack, body: Body, client: WebClient, respond: Respond) -> None:
        """Open the form for an answer, or for an outcome with words."""
        click = parse.click(body)
        checkpoint, form = actions.open_text_form(click)
        ack()
        fallback = answers.form_not_opened(checkpoint)
        answer = open_form(
            client,
            form,
            trigger_id=click.trigger_id,
            fallback=fallback,
            on_top=click.in_modal,
        )
        responder.answer_click(client, respond, click, answer)

    def on_submit(ack: Ack, body: Body) -> None:
        actions.submit_text(parse.submission(body))
        ack(response_action="clear")

    app.action(str(ids.ActionId.OUTCOME_WORDS))(on_open_form)
    app.action(str(ids.ActionId.ANSWER))(on_open_form)
    app.view(ids.ANSWER_VIEW)(on_submit)
    app.view(ids.OUTCOME_VIEW)(on_submit)
