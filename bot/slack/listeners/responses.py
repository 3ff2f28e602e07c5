"""Answers to one person, sent after their action is committed and acknowledged."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Final

from slack_bolt import Respond
from slack_sdk import WebClient
from slack_sdk.webhook import WebhookResponse
from tenacity import RetryCallState

from bot.slack import slack_errors
from bot.slack.actions.forms import open_form
from bot.slack.inbound.parse import Click
from bot.slack.render.answers import Answer
from bot.slack.render.files import Upload
from bot.slack.render.modals import frame
from bot.slack.slack_errors import FailureKind, SlackFailure
from storage.backoff import Backoff, retrying_until

log = logging.getLogger(__name__)

THREADS: Final = 4
TRIES: Final = 3
BACKOFF: Final = Backoff(first=0.5, longest=2.0)
LONGEST_WAIT: Final = 30.0
TRANSIENT: Final = frozenset({FailureKind.RATE_LIMITED, FailureKind.UNCERTAIN})


class AnswerNotDelivered(Exception):
    """Slack did not accept the answer. `failure` says why."""

    def __init__(self, failure: SlackFailure) -> None:
        super().__init__(failure.error)
        self.failure = failure


class TransientFailure(AnswerNotDelivered):
    """Sending it again may succeed."""


class Responder:
    """Sends answers from its own threads, so that they never delay an acknowledgement.

    Transient failures are retried. An answer that Slack does not accept is logged and dropped:
    the messages in the thread show the state.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="slack-answer")
        self._closing = Event()

    def close(self) -> None:
        """Send the answers that are queued, without waiting for rate limits, then stop."""
        self._closing.set()
        self._executor.shutdown(wait=True)

    def reply_privately(
        self,
        respond: Respond,
        answer: str | Answer | None,
        *,
        thread_ts: str | None = None,
        replace: bool = False,
    ) -> None:
        """Answer by the interaction's response URL, which works even if the bot is not a member."""
        if answer is None:
            return
        content = Answer(answer) if isinstance(answer, str) else answer

        def send() -> WebhookResponse:
            return respond(
                text=content.text,
                blocks=list(content.blocks) or None,
                response_type="ephemeral",
                replace_original=replace,
                unfurl_links=False,
                unfurl_media=False,
                thread_ts=thread_ts,
            )

        self._submit(send)

    def post(self, client: WebClient, answer: str | Answer | None, *, channel: str) -> None:
        """Post a message that everybody in the channel sees. A person's id is their direct message
        with the bot."""
        if answer is None:
            return
        content = Answer(answer) if isinstance(answer, str) else answer
        self._submit(
            lambda: client.chat_postMessage(
                channel=channel,
                text=content.text,
                blocks=list(content.blocks) or None,
                unfurl_links=False,
                unfurl_media=False,
            )
        )

    def post_in_thread(
        self,
        client: WebClient,
        answer: str | Answer | None,
        *,
        channel: str,
        thread_ts: str | None,
        user: str,
    ) -> None:
        """Answer an event, which has no response URL, by an ephemeral message."""
        if answer is None:
            return
        content = Answer(answer) if isinstance(answer, str) else answer
        self._submit(
            lambda: client.chat_postEphemeral(
                channel=channel,
                user=user,
                thread_ts=thread_ts,
                text=content.text,
                blocks=list(content.blocks) or None,
                parse="none",
                link_names=False,
            )
        )

    def upload_to_thread(
        self,
        client: WebClient,
        file: Upload,
        *,
        comment: str,
        channel: str,
        thread_ts: str | None,
        user: str,
        otherwise: Answer,
    ) -> None:
        """Upload a file that everybody in the thread sees, or answer `user` that Slack took none.

        It is tried once: a file that Slack seems to have lost may be there.
        """

        def send() -> None:
            try:
                client.files_upload_v2(
                    channel=channel,
                    thread_ts=thread_ts,
                    filename=file.name,
                    title=file.title,
                    content=file.content,
                    initial_comment=comment,
                    request_file_info=False,
                )
            except slack_errors.SLACK_ERRORS as error:
                log.warning("slack.file_lost", extra={"error": slack_errors.classify(error).error})
                self.post_in_thread(
                    client, otherwise, channel=channel, thread_ts=thread_ts, user=user
                )

        self._executor.submit(send)

    def answer_click(
        self, client: WebClient, respond: Respond, click: Click, answer: str | Answer | None
    ) -> None:
        """Answer a click privately: on a message by its response URL, in a view in front of it.

        If Slack opens no modal for the answer, it is sent to the thread or as a direct message.
        """
        if answer is None:
            return
        if click.view is None:
            self.reply_privately(respond, answer, thread_ts=click.thread_ts)
            return
        content = Answer(answer) if isinstance(answer, str) else answer
        notice = frame.notice(content.text)
        if (
            open_form(
                client,
                notice,
                trigger_id=click.trigger_id,
                fallback=content,
                on_top=click.in_modal,
            )
            is None
        ):
            return
        about = click.view.about
        self._submit(
            lambda: (
                client.chat_postMessage(
                    channel=click.by.id, text=content.text, blocks=list(content.blocks) or None
                )
                if about is None
                else client.chat_postEphemeral(
                    channel=about.channel,
                    user=click.by.id,
                    thread_ts=about.thread_ts,
                    text=content.text,
                    blocks=list(content.blocks) or None,
                )
            )
        )

    def _submit(self, send: Callable[[], object]) -> None:
        self._executor.submit(self._send, send)

    def _send(self, send: Callable[[], object]) -> None:
        try:
            retrying_until(self._closing, _wait, on=TransientFailure, tries=TRIES)(_try, send)
        except AnswerNotDelivered as error:
            log.warning("slack.answer_lost", extra={"error": error.failure.error})


def _try(send: Callable[[], object]) -> None:
    """Raises AnswerNotDelivered if Slack does not accept the answer."""
    try:
        response = send()
    except slack_errors.SLACK_ERRORS as error:
        failure = slack_errors.classify(error)
    else:
        if not isinstance(response, WebhookResponse) or _is_accepted(response):
            return
        failure = slack_errors.classify_status(response.status_code, response.headers)
    raise (TransientFailure if failure.kind in TRANSIENT else AnswerNotDelivered)(failure)


def _is_accepted(response: WebhookResponse) -> bool:
    """A response URL returns an HTML page if something in between failed."""
    return response.status_code == 200 and not response.body.lstrip().startswith("<")


def _wait(state: RetryCallState) -> float:
    """Seconds to wait: the backoff, or Slack's Retry-After if that is longer."""
    error = state.outcome.exception() if state.outcome is not None else None
    retry_after = error.failure.retry_after if isinstance(error, AnswerNotDelivered) else None
    return min(LONGEST_WAIT, max(BACKOFF(state), retry_after or 0.0))
