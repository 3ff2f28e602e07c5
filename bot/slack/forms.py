"""Opening a form within the three seconds that Slack gives."""

from __future__ import annotations

from http.client import HTTPException

from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError
from slack_sdk.models.views import View

from bot.slack.desk import FormNotOpened
from storage.records import Checkpoint


def open_form(client: WebClient, form: View, *, trigger_id: str, checkpoint: Checkpoint) -> None:
    """Raises FormNotOpened, after which a reply in the thread can say the same."""
    try:
        client.views_open(trigger_id=trigger_id, view=form)
    except (SlackClientError, HTTPException, OSError) as trouble:
        raise FormNotOpened(checkpoint) from trouble
