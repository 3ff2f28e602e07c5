"""Continue, Skip, Stop and a gate's outcomes, on a card and in a modal."""

from __future__ import annotations

from collections.abc import Callable

from slack_bolt import Ack, App, Respond
from slack_sdk import WebClient
from slack_sdk.models.views import View

from bot.slack import ids
from bot.slack.actions.checkpoints import CheckpointActions
from bot.slack.actions.forms import FieldErrors, change_form, open_form
from bot.slack.actions.modals import ModalActions
from bot.slack.inbound import parse
from bot.slack.inbound.parse import Click
from bot.slack.inbound.payload_shape import Body
from bot.slack.listeners.responses import Responder
from bot.slack.render import answers
from storage.decisions import Decided


def register(
    app: App, *, actions: CheckpointActions, modals: ModalActions, responder: Responder
) -> None:
    def decides(decide: Callable[[Click], Decided | View]) -> Callable[..., None]:
        """The updated card, or the updated modal, is the answer to a click that decided."""

        def listener(ack: Ack, body: Body, client: WebClient, respond: Respond) -> None:
            click = parse.click(body)
            result = decide(click)
            shown = modals.read_again(click) if isinstance(result, Decided) else None
            ack()
            if isinstance(result, View):
                answer = open_form(
                    client,
                    result,
                    trigger_id=click.trigger_id,
                    fallback=answers.FORM_NOT_OPENED,
                    on_top=click.in_modal,
                )
                responder.answer_click(client, respond, click, answer)
            elif shown is not None and click.view is not None:
                change_form(client, shown, view_id=click.view.id)

        return listener

    def on_form(ack: Ack, body: Body) -> None:
        result = actions.submit_form(parse.submission(body))
        if isinstance(result, FieldErrors):
            ack(response_action="errors", errors=result.errors)
        else:
            ack(response_action="clear")

    for action_id in ids.DECISIONS:
        app.action(str(action_id))(decides(actions.decide))
    app.action(ids.OUTCOMES)(decides(actions.choose_outcome))
    app.view(ids.FORM_VIEW)(on_form)
