"""`/crew …`, and the form that asks for a crew's inputs."""

from __future__ import annotations

from slack_bolt import Ack, App, Respond
from slack_sdk import WebClient

from bot.slack import ids
from bot.slack.actions.commands import Commands
from bot.slack.actions.forms import FieldErrors, change_form, open_form
from bot.slack.actions.starts import OpenForm, ReplacedForm, Starts, as_typed
from bot.slack.inbound import mrkdwn, parse, start_payloads
from bot.slack.inbound.payload_shape import Body
from bot.slack.listeners.responses import Responder
from bot.slack.render import answers
from bot.slack.render.answers import Answer
from bot.slack.render.modals import not_taken


def register(app: App, *, commands: Commands, starts: Starts, responder: Responder) -> None:
    def on_command(ack: Ack, body: Body, client: WebClient, respond: Respond) -> None:
        call = parse.command(body)
        answer = commands.run(call)
        ack()
        if isinstance(answer, OpenForm):
            form, fallback = answer.form, answer.fallback
            answer = open_form(client, form, trigger_id=call.delivery, fallback=fallback)
        words = answer.text if isinstance(answer, Answer) and not answer.blocks else answer
        if isinstance(words, str):
            answer = answers.with_fences(words, mrkdwn.as_typed(call.text))
        responder.reply_privately(respond, answer)

    def on_submit(ack: Ack, body: Body) -> None:
        sent = start_payloads.start_submission(body)
        answer = starts.submit(sent)
        if answer is None:
            ack()
        elif isinstance(answer, FieldErrors):
            ack(response_action="errors", errors=answer.errors)
        elif isinstance(answer, ReplacedForm):
            ack(response_action="update", view=answer.form)
        else:
            ack(
                response_action="update",
                view=not_taken.start_refused(answer, f"{ids.COMMAND} {as_typed(sent)}"),
            )

    def on_choice(ack: Ack, body: Body, client: WebClient) -> None:
        """Another crew has other fields; another channel, other checkpoints to leave out."""
        choice = start_payloads.crew_choice(body)
        form = starts.choose_crew(choice)
        ack()
        if form is not None:
            change_form(client, form, view_id=choice.view_id, view_hash=choice.view_hash)

    app.command(ids.COMMAND)(on_command)
    app.action(str(ids.ActionId.START_CREW))(on_choice)
    app.action(ids.PLACE_INPUT)(on_choice)
    app.view(ids.START_VIEW)(on_submit)
