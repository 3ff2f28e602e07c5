"""Continue, Skip, Stop."""

from __future__ import annotations

from slack_bolt import Ack, App

from bot.slack import ids
from bot.slack.actions.checkpoints import CheckpointActions
from bot.slack.inbound import parse
from bot.slack.inbound.payload_shape import Body


def register(app: App, *, actions: CheckpointActions) -> None:
    def on_decision(ack: Ack, body: Body) -> None:
        """The updated message is the answer to the person whose click decided."""
        actions.decide(parse.click(body))
        ack()

    for action_id in ids.DECISIONS:
        app.action(str(action_id))(on_decision)
