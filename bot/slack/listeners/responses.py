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

from bot.slack import slack_errors
from bot.slack.render.answers import Answer
from bot.slack.slack_errors import Kind, Trouble

log = logging.getLogger(__name__)

THREADS: Final = 4
PAUSES: Final = (0.5, 2.0)
MOST_PAUSE: Final = 30.0
MAY_PASS: Final = frozenset({Kind.RATE, Kind.UNCERTAIN})


class NotTaken(OSError):
    """The address of an interaction answered with this status. `wait` is in seconds."""

    def __init__(self, answer: WebhookResponse) -> None:
        super().__init__(f"status {answer.status_code}")
        self.trouble = slack_errors.of_status(answer.status_code, answer.headers)


class Answering:
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

        def send() -> None:
            taken = respond(
                text=said.text,
                blocks=list(said.blocks) or None,
                response_type="ephemeral",
                replace_original=replace,
                unfurl_links=False,
                unfurl_media=False,
                thread_ts=thread_ts,
            )
            if taken.status_code != 200 or taken.body.lstrip().startswith("<"):
                raise NotTaken(taken)

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
        trouble = _tried(send)
        for pause in PAUSES:
            if trouble is None or trouble.kind not in MAY_PASS:
                break
            if self._closing.wait(min(MOST_PAUSE, max(pause, trouble.wait or 0.0))):
                break
            trouble = _tried(send)
        if trouble is not None:
            log.warning("slack.answer_lost", extra={"error": trouble.error})


def _tried(send: Callable[[], object]) -> Trouble | None:
    try:
        send()
    except NotTaken as refused:
        return refused.trouble
    except slack_errors.FAULTS as fault:
        return slack_errors.of(fault)
    return None
