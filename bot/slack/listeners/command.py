"""`/crew …`, and the form that asks for a crew's inputs."""

from __future__ import annotations

from slack_bolt import Ack, App, Respond
from slack_sdk import WebClient

from bot.slack import ids
from bot.slack.actions.commands import Commands
from bot.slack.actions.forms import FieldErrors, change_form, open_form
from bot.slack.actions.starts import OpenForm, ReplacedForm, Starts
from bot.slack.inbound import parse
from bot.slack.inbound.mrkdwn import as_typed
from bot.slack.inbound.payload_shape import Body
from bot.slack.listeners.responses import Responder
from bot.slack.render import answers
from bot.slack.render.modals import frame


def register(app: App, *, commands: Commands, starts: Starts, responder: Responder) -> None:
    def on_command(ack: Ack, body: Body, client: WebClient, respond: Respond) -> None:
        call = parse.command(body)
        answer = commands.run(call)
        ack()
        if isinstance(answer, OpenForm):
            form, fallback = answer.form, answer.fallback
            answer = open_form(client, form, trigger_id=call.delivery, fallback=fallback)
        if isinstance(answer, str):
            answer = answers.with_fences(answer, as_typed(call.text))
        responder.reply_privately(respond, answer)

    def on_submit(ack: Ack, body: Body) -> None:
        answer = starts.submit(parse.start_submission(body))
        if answer is None:
            ack()
        elif isinstance(answer, FieldErrors):
            ack(response_action="errors", errors=answer.errors)
        elif isinstance(answer, ReplacedForm):
            ack(response_action="update", view=answer.form)
        else:
            ack(response_action="update", view=frame.notice(answer))

    def on_choice(ack: Ack, body: Body, client: WebClient) -> None:
        """Another crew has other fields; another channel, other checkpoints to leave out."""
        choice = parse.crew_choice(body)
        form = starts.choose_crew(choice)
        ack()
        if form is not None:
            change_form(client, form, view_id=choice.view_id, view_hash=choice.view_hash)

    app.command(ids.COMMAND)(on_command)
    app.action(str(ids.ActionId.START_CREW))(on_choice)
    app.action(ids.PLACE_INPUT)(on_choice)
    app.view(ids.START_VIEW)(on_submit)
