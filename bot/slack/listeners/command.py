"""`/crew …`"""

from __future__ import annotations

from slack_bolt import Ack, App, Respond

from bot.slack import ids
from bot.slack.actions.commands import Commands
from bot.slack.inbound import parse
from bot.slack.inbound.payload_shape import Body
from bot.slack.listeners.responses import Responder


def register(app: App, *, commands: Commands, responder: Responder) -> None:
    def on_command(ack: Ack, body: Body, respond: Respond) -> None:
        answer = commands.run(parse.command(body))
        ack()
        responder.reply_privately(respond, answer)

    app.command(ids.COMMAND)(on_command)
