"""Posts rendered messages straight into a practice workspace, without a bot."""

from __future__ import annotations

from slack_sdk import WebClient

from bot.slack.render.message import Rendered
from tests.support.workspace import Workspace


class Poster:
    """Posts as the app does, with the buttons at once."""

    def __init__(self, workspace: Workspace) -> None:
        env = workspace.env()
        self.channel = workspace.channel("campaigns").id
        self._client = WebClient(token=env["SLACK_BOT_TOKEN"], base_url=env["SLACK_API_URL"])

    def post(self, rendered: Rendered, *, thread: str | None = None) -> str:
        """Returns the message's timestamp."""
        answer = self._client.chat_postMessage(
            channel=self.channel,
            thread_ts=thread,
            reply_broadcast=rendered.broadcast if thread else None,
            text=rendered.notification_text(),
            blocks=rendered.to_blocks(armed=True),
            parse="none",
            link_names=False,
            unfurl_links=False,
            unfurl_media=False,
        )
        return str(answer["ts"])

    def link(self, ts: str) -> str:
        return str(self._client.chat_getPermalink(channel=self.channel, message_ts=ts)["permalink"])
