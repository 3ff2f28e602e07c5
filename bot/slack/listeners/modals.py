"""Modals that a card opens: the whole text, an edit, earlier revisions, what changed."""

from __future__ import annotations

from collections.abc import Callable

from slack_bolt import Ack, App, Respond
from slack_sdk import WebClient
from slack_sdk.models.views import View

from bot.slack import ids
from bot.slack.actions.forms import change_form, open_form
from bot.slack.actions.modals import ModalActions
from bot.slack.inbound import parse
from bot.slack.inbound.parse import Click
from bot.slack.inbound.payload_shape import Body
from bot.slack.listeners.responses import Responder
from bot.slack.render import answers


def register(app: App, *, modals: ModalActions, responder: Responder) -> None:
    def opens(build: Callable[[Click], View]) -> Callable[..., None]:
        """A listener that opens a modal, in front of the one that was clicked in."""

        def listener(ack: Ack, body: Body, client: WebClient, respond: Respond) -> None:
            click = parse.click(body)
            view = build(click)
            ack()
            answer = open_form(
                client,
                view,
                trigger_id=click.trigger_id,
                fallback=answers.NOT_SHOWN,
                on_top=click.in_modal,
            )
            responder.answer_click(client, respond, click, answer)

        return listener

    def turns(build: Callable[[Click], View]) -> Callable[..., None]:
        """A listener that shows something else in the modal that was clicked in."""

        def listener(ack: Ack, body: Body, client: WebClient, respond: Respond) -> None:
            click = parse.click(body)
            view = build(click)
            ack()
            if click.view is not None and not change_form(client, view, view_id=click.view.id):
                responder.answer_click(client, respond, click, answers.NOT_SHOWN)

        return listener

    def on_file_of_changes(ack: Ack, body: Body, client: WebClient) -> None:
        click = parse.click(body)
        asked = modals.file_of_changes(click)
        ack()
        if click.view is not None:
            change_form(client, asked.view, view_id=click.view.id)
        responder.upload_to_thread(
            client,
            asked.file,
            comment=asked.comment,
            channel=asked.about.channel,
            thread_ts=asked.about.thread_ts,
            user=click.by.id,
            otherwise=answers.FILE_NOT_POSTED,
        )

    def on_edit(ack: Ack, body: Body) -> None:
        modals.submit_edit(parse.submission(body))
        ack(response_action="clear")

    def on_earlier(ack: Ack, body: Body) -> None:
        modals.submit_revision_choice(parse.submission(body))
        ack(response_action="clear")

    app.action(str(ids.ActionId.READ))(opens(modals.read))
    app.action(str(ids.ActionId.MORE))(opens(modals.more))
    app.action(str(ids.ActionId.PREVIOUS_PAGE))(turns(modals.turn))
    app.action(str(ids.ActionId.NEXT_PAGE))(turns(modals.turn))
    app.action(str(ids.ActionId.CHOOSE_REVISION))(turns(modals.choose_revision))
    app.action(str(ids.ActionId.EARLIER_LIST))(turns(modals.list_revisions))
    app.action(str(ids.ActionId.CHANGES_FILE))(on_file_of_changes)
    app.view(ids.EDIT_VIEW)(on_edit)
    app.view(ids.EARLIER_VIEW)(on_earlier)
