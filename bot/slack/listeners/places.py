"""Words outside any run: the help for who writes to the bot, a greeting where it was invited."""

from __future__ import annotations

from slack_bolt import App, BoltContext
from slack_sdk import WebClient

from bot.slack.actions.commands import Commands
from bot.slack.inbound import place_payloads
from bot.slack.inbound.payload_shape import Body
from bot.slack.listeners.responses import Responder
from bot.slack.people.actors import People
from bot.slack.render import answers
from storage.state_manager import StateManager


def register(
    app: App, *, state: StateManager, people: People, commands: Commands, responder: Responder
) -> None:
    def is_addressed(body: Body, context: BoltContext) -> bool:
        return place_payloads.addressed(body, bot_user=context.bot_user_id) is not None

    def on_addressed(body: Body, context: BoltContext, client: WebClient) -> None:
        message = place_payloads.addressed(body, bot_user=context.bot_user_id)
        if message is None or not state.is_first(f"help:{message.channel}:{message.ts}"):
            return
        if message.is_direct:
            responder.post(client, commands.help(), channel=message.channel)
        else:
            responder.post_in_thread(
                client,
                commands.help(),
                channel=message.channel,
                thread_ts=None,
                user=message.by.id,
            )

    def on_joined(body: Body, context: BoltContext, client: WebClient) -> None:
        """Greet where somebody invited the bot, not where it joined by itself for a `/crew`."""
        joined = place_payloads.joined(body)
        people.members_changed(joined.channel)
        if joined.user != context.bot_user_id or joined.inviter is None:
            return
        if state.is_first(f"joined:{joined.channel}:{joined.event_ts}"):
            responder.post(client, answers.GREETING, channel=joined.channel)

    app.event("message", matchers=[is_addressed])(on_addressed)
    app.event("member_joined_channel")(on_joined)
