"""Opening and changing a form within the three seconds that Slack allows."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from slack_sdk import WebClient
from slack_sdk.models.views import View

from bot.slack import slack_errors
from bot.slack.render.answers import Answer


@dataclass(frozen=True, slots=True)
class FieldErrors:
    """What is wrong with a submitted form: a message for each `block_id`."""

    errors: dict[str, str]


log = logging.getLogger(__name__)


def open_form(
    client: WebClient, form: View, *, trigger_id: str, fallback: Answer, on_top: bool = False
) -> Answer | None:
    """Returns None if the form is open, else `fallback`, which says how to go on without it.

    `on_top`: the click was in a modal, which stays open below. Never raises: an exception right
    after an acknowledgement makes Bolt lose the latter.
    """
    try:
        if on_top:
            client.views_push(trigger_id=trigger_id, view=form)
        else:
            client.views_open(trigger_id=trigger_id, view=form)
    except slack_errors.SLACK_ERRORS as error:
        log.warning("slack.form_not_opened", extra={"error": slack_errors.classify(error).error})
        return fallback
    return None


def change_form(client: WebClient, form: View, *, view_id: str, view_hash: str = "") -> bool:
    """Replace an open form; returns whether Slack did.

    Never raises: if Slack refuses, the form stays as it is.
    """
    try:
        client.views_update(view_id=view_id, hash=view_hash or None, view=form)
    except slack_errors.SLACK_ERRORS as error:
        log.warning("slack.form_not_changed", extra={"error": slack_errors.classify(error).error})
        return False
    return True
