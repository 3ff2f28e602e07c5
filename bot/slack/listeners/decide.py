"""Continue, Skip, Stop."""

from __future__ import annotations

from slack_bolt import Ack, App

from bot.slack import ids
from bot.slack.actions.checkpoints import CheckpointActions
from bot.slack.inbound import parse
from bot.slack.inbound.payload_shape import Body


def register(app: App, *, desk: CheckpointActions) -> None:
    def on_decision(ack: Ack, body: Body) -> None:
        """The winner's answer is the message itself, which says so within a moment."""
        desk.decide(parse.click(body))
        ack()

    for action_id in ids.DECISIONS:
        app.action(str(action_id))(on_decision)
