"""Opening a form within the three seconds that Slack allows."""

from __future__ import annotations

import logging

from slack_sdk import WebClient
from slack_sdk.models.views import View

from bot.slack import slack_errors
from bot.slack.render.answers import Answer

log = logging.getLogger(__name__)


def open_form(client: WebClient, form: View, *, trigger_id: str, fallback: Answer) -> Answer | None:
    """Returns None if the form is open, else `fallback`, which says how to go on without it.

    Never raises: an exception right after an acknowledgement makes Bolt lose the latter.
    """
    try:
        client.views_open(trigger_id=trigger_id, view=form)
    except slack_errors.SLACK_ERRORS as error:
        log.warning("slack.form_not_opened", extra={"error": slack_errors.classify(error).error})
        return fallback
    return None
