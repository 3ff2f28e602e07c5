"""Shortcuts: start a crew, start one on a message, use a message as the revision."""

from __future__ import annotations

from slack_bolt import Ack, App, Respond
from slack_sdk import WebClient

from bot.slack import ids
from bot.slack.actions.forms import open_form
from bot.slack.actions.message_shortcuts import MessageShortcuts
from bot.slack.actions.starts import OpenForm, Starts
from bot.slack.inbound import place_payloads
from bot.slack.inbound.payload_shape import Body
from bot.slack.listeners.responses import Responder
from bot.slack.render.answers import Answer


def register(
    app: App, *, starts: Starts, shortcuts: MessageShortcuts, responder: Responder
) -> None:
    def on_start(ack: Ack, body: Body, client: WebClient) -> None:
        """There is no channel to answer in, so the answer is a direct message."""
        used = place_payloads.shortcut(body)
        answer = starts.open_form(used.place, used.by)
        ack()
        responder.post(client, _shown(client, answer, used), channel=used.by.id)

    def on_start_on_message(ack: Ack, body: Body, client: WebClient, respond: Respond) -> None:
        used = place_payloads.message_shortcut(body)
        answer = starts.open_form_on(used)
        ack()
        shown = _shown(client, answer, used)
        responder.reply_privately(respond, shown, thread_ts=used.thread_ts)

    def on_revise(ack: Ack, body: Body, respond: Respond) -> None:
        used = place_payloads.message_shortcut(body)
        answer = shortcuts.use_as_revision(used)
        ack()
        responder.reply_privately(respond, answer, thread_ts=used.thread_ts)

    app.global_shortcut(ids.START_SHORTCUT)(on_start)
    app.action(str(ids.ActionId.OPEN_START))(on_start)
    app.message_shortcut(ids.START_ON_MESSAGE)(on_start_on_message)
    app.message_shortcut(ids.REVISE_BY_MESSAGE)(on_revise)


def _shown(
    client: WebClient, answer: str | OpenForm, used: place_payloads.Shortcut
) -> str | Answer | None:
    """Open the form; returns what is to be said instead if there is none."""
    if isinstance(answer, str):
        return answer
    return open_form(client, answer.form, trigger_id=used.trigger_id, fallback=answer.fallback)
