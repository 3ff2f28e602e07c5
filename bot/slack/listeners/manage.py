"""Cancel and Retry on a run's first message."""

from __future__ import annotations

from slack_bolt import Ack, App

from bot.slack import ids
from bot.slack.actions.checkpoints import CheckpointActions
from bot.slack.inbound import parse
from bot.slack.inbound.payload_shape import Body


def register(app: App, *, actions: CheckpointActions) -> None:
    def on_cancel(ack: Ack, body: Body) -> None:
        click = parse.click(body)
        actions.cancel(click.value, click.by)
        ack()

    def on_retry(ack: Ack, body: Body) -> None:
        click = parse.click(body)
        actions.retry(click.value, click.by)
        ack()

    app.action(str(ids.ActionId.CANCEL))(on_cancel)
    app.action(str(ids.ActionId.RETRY))(on_retry)
