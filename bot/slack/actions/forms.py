"""Opening a form within the three seconds that Slack gives."""

from __future__ import annotations

import logging

from slack_sdk import WebClient
from slack_sdk.models.views import View

from bot.slack import slack_errors
from bot.slack.render.answers import Answer

log = logging.getLogger(__name__)


def open_form(
    client: WebClient, form: View, *, trigger_id: str, otherwise: Answer
) -> Answer | None:
    """None if the form is open; else `otherwise`, which says how to go on without it.

    Does not raise: an exception that follows an acknowledgement closely makes Bolt lose it.
    """
    try:
        client.views_open(trigger_id=trigger_id, view=form)
    except slack_errors.FAULTS as fault:
        log.warning("slack.form_not_opened", extra={"error": slack_errors.of(fault).error})
        return otherwise
    return None
