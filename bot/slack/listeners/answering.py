"""Ways to tell one person something."""

from __future__ import annotations

from slack_bolt import Respond
from slack_sdk import WebClient

from bot.slack.render.answers import Answer


def privately(
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
    respond(
        text=said.text,
        blocks=list(said.blocks) or None,
        response_type="ephemeral",
        replace_original=replace,
        unfurl_links=False,
        unfurl_media=False,
        thread_ts=thread_ts,
    )


def in_thread(
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
    client.chat_postEphemeral(
        channel=channel,
        user=user,
        thread_ts=thread_ts,
        text=said.text,
        blocks=list(said.blocks) or None,
        parse="none",
        link_names=False,
    )
