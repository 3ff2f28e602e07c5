"""`/crew …`"""

from __future__ import annotations

from slack_bolt import Ack, App, Respond

from bot.slack import ids, parse
from bot.slack.commands import Commands
from bot.slack.listeners.answering import Answering
from bot.slack.shape import Body


def register(app: App, *, commands: Commands, answering: Answering) -> None:
    def on_command(ack: Ack, body: Body, respond: Respond) -> None:
        answer = commands.run(parse.command(body))
        ack()
        answering.privately(respond, answer)

    app.command(ids.COMMAND)(on_command)
