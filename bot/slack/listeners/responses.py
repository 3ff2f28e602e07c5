"""Telling one person something, after what they did is committed and acknowledged."""

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
from bot.slack.render.answers import Answer
from bot.slack.slack_errors import Kind, SlackFailure
from storage.backoff import Backoff, retrying_until

log = logging.getLogger(__name__)

THREADS: Final = 4
TRIES: Final = 3
BACKOFF: Final = Backoff(first=0.5, longest=2.0)
LONGEST_WAIT: Final = 30.0
MAY_PASS: Final = frozenset({Kind.RATE, Kind.UNCERTAIN})


class TextNotTaken(Exception):
    """Slack did not take the answer. `trouble` says why."""

    def __init__(self, trouble: SlackFailure) -> None:
        super().__init__(trouble.error)
        self.trouble = trouble


class MayPass(TextNotTaken):
    """It may take it when it is sent again."""


class Responder:
    """Sends answers from threads of its own, so that no acknowledgement waits behind them.

    What may pass is tried again. An answer that Slack does not take at all is logged and lost:
    the messages show what counts.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="slack-answer")
        self._closing = Event()

    def close(self) -> None:
        """Ends when all answers are sent; what Slack puts off is not waited for any more."""
        self._closing.set()
        self._executor.shutdown(wait=True)

    def privately(
        self,
        respond: Respond,
        answer: str | Answer | None,
        *,
        thread_ts: str | None = None,
        replace: bool = False,
    ) -> None:
        """By the interaction's own address, which also works where the bot is no member."""
        if answer is None:
            return
        said = Answer(answer) if isinstance(answer, str) else answer

        def send() -> WebhookResponse:
            return respond(
                text=said.text,
                blocks=list(said.blocks) or None,
                response_type="ephemeral",
                replace_original=replace,
                unfurl_links=False,
                unfurl_media=False,
                thread_ts=thread_ts,
            )

        self._later(send)

    def in_thread(
        self,
        client: WebClient,
        answer: str | Answer | None,
        *,
        channel: str,
        thread_ts: str | None,
        user: str,
    ) -> None:
        """For events, which bring no address to answer to."""
        if answer is None:
            return
        said = Answer(answer) if isinstance(answer, str) else answer
        self._later(
            lambda: client.chat_postEphemeral(
                channel=channel,
                user=user,
                thread_ts=thread_ts,
                text=said.text,
                blocks=list(said.blocks) or None,
                parse="none",
                link_names=False,
            )
        )

    def _later(self, send: Callable[[], object]) -> None:
        self._executor.submit(self._send, send)

    def _send(self, send: Callable[[], object]) -> None:
        try:
            retrying_until(self._closing, _wait, on=MayPass, tries=TRIES)(_try, send)
        except TextNotTaken as lost:
            log.warning("slack.answer_lost", extra={"error": lost.trouble.error})


def _try(send: Callable[[], object]) -> None:
    """Raises NotTaken."""
    try:
        answer = send()
    except slack_errors.FAULTS as fault:
        trouble = slack_errors.of(fault)
    else:
        if not isinstance(answer, WebhookResponse) or _is_taken(answer):
            return
        trouble = slack_errors.of_status(answer.status_code, answer.headers)
    raise (MayPass if trouble.kind in MAY_PASS else TextNotTaken)(trouble)


def _is_taken(answer: WebhookResponse) -> bool:
    """The address of an interaction answers with a page where something in between failed."""
    return answer.status_code == 200 and not answer.body.lstrip().startswith("<")


def _wait(state: RetryCallState) -> float:
    """The backoff or, if Slack asks for a longer wait, that one."""
    failure = state.outcome.exception() if state.outcome is not None else None
    asked_for = failure.trouble.wait if isinstance(failure, TextNotTaken) else None
    return min(LONGEST_WAIT, max(BACKOFF(state), asked_for or 0.0))
