"""The calls that post, update and delete messages. Each raises what the Slack client raises."""

from __future__ import annotations

from dataclasses import dataclass

from slack_sdk import WebClient

from bot.slack.ids import MESSAGE_EVENT_TYPE, message_key
from bot.slack.outbound.views import Upload
from bot.slack.render.message import Rendered
from storage.messages import OutboxRow


@dataclass(frozen=True, slots=True)
class Posted:
    channel: str
    ts: str


class Posting:
    """Posts what a row shows. `fallback` sends plain mrkdwn if Slack rejected the blocks."""

    def __init__(self, client: WebClient) -> None:
        self._client = client

    def post(self, row: OutboxRow, rendered: Rendered, *, fallback: bool) -> Posted:
        """Post the message without its buttons."""
        answer = self._client.chat_postMessage(
            channel=row.channel,
            thread_ts=row.thread_ts,
            reply_broadcast=rendered.broadcast if row.thread_ts is not None else None,
            text=rendered.notification_text(),
            blocks=rendered.to_blocks(armed=False, fallback=fallback),
            metadata=_metadata(row),
            parse="none",
            link_names=False,
            unfurl_links=False,
            unfurl_media=False,
        )
        return Posted(channel=str(answer["channel"]), ts=str(answer["ts"]))

    def update(self, row: OutboxRow, rendered: Rendered, *, fallback: bool) -> None:
        """Update the message to its current state, with its buttons."""
        self._client.chat_update(
            channel=row.channel,
            ts=str(row.ts),
            text=rendered.notification_text(),
            blocks=rendered.to_blocks(armed=True, fallback=fallback),
            metadata=_metadata(row),
            parse="none",
            link_names=False,
            unfurl_links=False,
            unfurl_media=False,
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


def _metadata(row: OutboxRow) -> dict[str, object]:
    return {"event_type": MESSAGE_EVENT_TYPE, "event_payload": {"key": message_key(row)}}
