"""What arises inside a crew: a gate's outcomes, with and without words, and answers."""

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
    def on_outcome(ack: Ack, body: Body) -> None:
        desk.choose(parse.click(body))
        ack()

    def on_words(ack: Ack, body: Body, client: WebClient, respond: Respond) -> None:
        """For an answer, or for words that go with an outcome."""
        click = parse.click(body)
        checkpoint, form = desk.ask_for_words(click)
        ack()
        otherwise = answers.form_not_opened(checkpoint)
        answer = open_form(client, form, trigger_id=click.trigger_id, otherwise=otherwise)
        answering.privately(respond, answer, thread_ts=click.thread_ts)

    def on_answer(ack: Ack, body: Body) -> None:
        desk.answer(parse.submission(body))
        ack()

    app.action(ids.OUTCOMES)(on_outcome)
    app.action(str(ids.ActionId.OUTCOME_WORDS))(on_words)
    app.action(str(ids.ActionId.ANSWER))(on_words)
    app.view(ids.ANSWER_VIEW)(on_answer)
    app.view(ids.OUTCOME_VIEW)(on_answer)
