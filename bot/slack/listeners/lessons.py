"""Keep as a lesson, and Delete in the list of lessons."""

from __future__ import annotations

from slack_bolt import Ack, App, Respond

from bot.slack import ids
from bot.slack.actions.lessons import Lessons
from bot.slack.inbound import parse
from bot.slack.inbound.payload_shape import Body
from bot.slack.listeners.responses import Responder


def register(app: App, *, lessons: Lessons, responder: Responder) -> None:
    def on_keep(ack: Ack, body: Body, respond: Respond) -> None:
        click = parse.click(body)
        answer = lessons.keep(click)
        ack()
        responder.reply_privately(respond, answer, thread_ts=click.thread_ts)

    def on_delete(ack: Ack, body: Body, respond: Respond) -> None:
        answer = lessons.delete(parse.click(body))
        ack()
        responder.reply_privately(respond, answer, replace=True)

    app.action(str(ids.ActionId.KEEP_LESSON))(on_keep)
    app.action(str(ids.ActionId.DELETE_LESSON))(on_delete)
