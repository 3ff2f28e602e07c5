"""The calls that post, update and delete messages. Each raises what the Slack client raises."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from slack_sdk import WebClient
from slack_sdk.webhook import WebhookClient

from bot.slack.ids import MESSAGE_EVENT_TYPE, block_key, message_key
from bot.slack.outbound.fallbacks import Shown
from bot.slack.render.files import Upload
from bot.slack.render.message import Rendered
from storage.messages import OutboxRow

RESPONSE_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class Posted:
    channel: str
    ts: str


class Posting:
    """Posts what a row shows, in the form that its payload says."""

    def __init__(self, client: WebClient) -> None:
        self._client = client

    def post(self, row: OutboxRow, rendered: Rendered) -> Posted:
        """Post the message without its buttons."""
        answer = self._client.chat_postMessage(
            channel=row.channel,
            thread_ts=row.thread_ts,
            reply_broadcast=rendered.broadcast if row.thread_ts is not None else None,
            text=rendered.notification_text(),
            blocks=_blocks(row, rendered, armed=False) or None,
            metadata=_metadata(row),
            parse="none",
            link_names=False,
            unfurl_links=False,
            unfurl_media=False,
        )
        return Posted(channel=str(answer["channel"]), ts=str(answer["ts"]))

    def update(self, row: OutboxRow, rendered: Rendered) -> None:
        """Update the message to its current state, with its buttons."""
        self._client.chat_update(
            channel=row.channel,
            ts=str(row.ts),
            text=rendered.notification_text(),
            blocks=_blocks(row, rendered, armed=True),
            metadata=_metadata(row),
            parse="none",
            link_names=False,
            unfurl_links=False,
            unfurl_media=False,
        )

    def replace_clicked(self, row: OutboxRow, rendered: Rendered, *, response_url: str) -> bool:
        """Update the message by the response URL of a click on it, which no rate limit counts.

        Returns whether Slack accepted it: a URL can be used five times within half an hour.
        """
        answer = WebhookClient(response_url, timeout=RESPONSE_SECONDS).send(
            text=rendered.notification_text(),
            blocks=_blocks(row, rendered, armed=True),
            metadata=_metadata(row),
            replace_original=True,
            unfurl_links=False,
            unfurl_media=False,
        )
        # Anything else is a refusal, or a page of something in between.
        accepted = answer.body.strip() == "ok" or re.match(r'\{"ok": ?true', answer.body)
        return answer.status_code == 200 and bool(accepted)

    def permalink(self, row: OutboxRow) -> str:
        answer = self._client.chat_getPermalink(channel=row.channel, message_ts=str(row.ts))
        return str(answer["permalink"])

    def set_status(self, *, channel: str, thread_ts: str, status: str) -> None:
        """Show below the thread what the app is doing, until it posts there again."""
        self._client.api_call(
            "assistant.threads.setStatus",
            params={"channel_id": channel, "thread_ts": thread_ts, "status": status},
        )

    def upload(self, row: OutboxRow, file: Upload) -> str:
        """Upload the file to the row's thread; returns its id."""
        answer = self._client.files_upload_v2(
            channel=row.channel,
            thread_ts=row.thread_ts,
            filename=file.name,
            title=file.title,
            content=file.content,
            request_file_info=False,
        )
        return str(answer["file"]["id"])

    def delete(self, *, channel: str, ts: str) -> None:
        self._client.chat_delete(channel=channel, ts=ts)

    def direct_message(self, user: str) -> str:
        """The channel id of direct messages with this person."""
        return str(self._client.conversations_open(users=[user])["channel"]["id"])

    def send_text(self, channel: str, text: str) -> None:
        """Post plain text that belongs to no row."""
        self._client.chat_postMessage(
            channel=channel,
            text=text,
            parse="none",
            link_names=False,
            unfurl_links=False,
            unfurl_media=False,
        )


def _blocks(row: OutboxRow, rendered: Rendered, *, armed: bool) -> list[dict[str, Any]]:
    shown = Shown.of(row)
    blocks = rendered.to_blocks(armed=armed, form=shown.form)
    if not shown.metadata:
        unnamed = next((block for block in blocks if "block_id" not in block), None)
        if unnamed is not None:
            unnamed["block_id"] = block_key(row)
    return blocks


def _metadata(row: OutboxRow) -> dict[str, object] | None:
    if not Shown.of(row).metadata:
        return None
    return {"event_type": MESSAGE_EVENT_TYPE, "event_payload": {"key": message_key(row)}}
