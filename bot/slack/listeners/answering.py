"""Telling one person something, after what they did is committed and acknowledged."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from slack_bolt import Respond
from slack_sdk import WebClient

from bot.slack import troubles
from bot.slack.render.answers import Answer

log = logging.getLogger(__name__)

THREADS: Final = 4


class Answering:
    """Sends answers from threads of its own, so that no acknowledgement waits behind them.

    An answer that Slack does not take is logged and lost: the messages show what counts.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="slack-answer")

    def close(self) -> None:
        """Ends when all answers are sent."""
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
        self._later(
            lambda: respond(
                text=said.text,
                blocks=list(said.blocks) or None,
                response_type="ephemeral",
                replace_original=replace,
                unfurl_links=False,
                unfurl_media=False,
                thread_ts=thread_ts,
            )
        )

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
        def sent() -> None:
            try:
                send()
            except troubles.FAULTS as fault:
                log.warning("slack.answer_lost", extra={"error": troubles.of(fault).error})

        self._executor.submit(sent)
