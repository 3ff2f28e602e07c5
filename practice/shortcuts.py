"""Shortcuts: what a person chooses in the menu of a message or of the whole workspace."""

from __future__ import annotations

from collections.abc import Callable

from practice.delivery import payloads
from practice.delivery.deliveries import Ack, Deliveries
from practice.state.changes import NoticeShown
from practice.state.errors import SlackError
from practice.state.records import Json
from practice.state.tickets import ResponseUrls, Triggers
from practice.state.workspace import Workspace

FAILED = "{name} failed because {app} did not respond. Try it again in a moment."


class Shortcuts:
    """Delivers the app's message shortcuts (`message_action`) and global ones (`shortcut`)."""

    def __init__(
        self,
        *,
        workspace: Workspace,
        deliveries: Deliveries,
        triggers: Triggers,
        responses: ResponseUrls,
        base_url: Callable[[], str],
    ) -> None:
        self._workspace = workspace
        self._deliveries = deliveries
        self._triggers = triggers
        self._responses = responses
        self._base_url = base_url

    async def on_message(self, *, user: str, channel: str, message_ts: str, name: str) -> Json:
        """Use a shortcut, named by its name or callback id, on a message that the person sees."""
        workspace = self._workspace
        shortcut = self._installed("message", name)
        conversation = workspace.channels.get(channel)
        if conversation is None or user not in conversation.members:
            raise SlackError("channel_not_found")
        message = workspace.find(channel, message_ts)
        if message is None:
            raise SlackError("message_not_found")
        ticket = self._responses.issue(user=user, channel=channel)
        payload = payloads.message_shortcut(
            workspace,
            user=user,
            channel=conversation,
            message=message,
            callback_id=shortcut["callback_id"],
            trigger_id=self._triggers.issue(user),
            response_url=f"{self._base_url()}/hooks/{workspace.team_id}/{ticket}",
            base_url=self._base_url(),
        )
        ack = await self._deliver("message_action", shortcut, payload)
        return self._outcome(ack, shortcut, user=user, channel=channel, thread=message.thread_ts)

    async def anywhere(self, *, user: str, name: str) -> Json:
        """Use a global shortcut, named by its name or callback id."""
        shortcut = self._installed("global", name)
        payload = payloads.global_shortcut(
            self._workspace,
            user=user,
            callback_id=shortcut["callback_id"],
            trigger_id=self._triggers.issue(user),
        )
        ack = await self._deliver("shortcut", shortcut, payload)
        return self._outcome(ack, shortcut, user=user, channel=None, thread=None)

    def _installed(self, kind: str, name: str) -> Json:
        for shortcut in self._workspace.app.shortcuts:
            if shortcut["type"] == kind and name in (shortcut["name"], shortcut["callback_id"]):
                return shortcut
        raise SlackError("not_found")

    async def _deliver(self, kind: str, shortcut: Json, payload: Json) -> Ack:
        name = f"{kind} {shortcut['callback_id']}"
        return await self._deliveries.deliver("interactive", name, payload)

    def _outcome(
        self, ack: Ack, shortcut: Json, *, user: str, channel: str | None, thread: str | None
    ) -> Json:
        if ack.ok:
            return {"ok": True}
        text = FAILED.format(name=shortcut["name"], app=self._workspace.app.name)
        self._workspace.emit(NoticeShown(user, text, channel, thread))
        return {"ok": False, "notice": text}
