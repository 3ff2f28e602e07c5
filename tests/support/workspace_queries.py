"""What people see in the workspace, and what happened in it."""

from __future__ import annotations

from collections.abc import Callable

from practice.delivery.deliveries import Delivery
from practice.seed import BOT
from practice.state.records import Channel, Message, Version
from practice.traffic import Entry
from tests.support.message_snapshot import Button, MessageSnapshot, buttons
from tests.support.served_workspace import ServedWorkspace


class WorkspaceQueries(ServedWorkspace):
    """Queries about messages, people's screens and the traffic."""

    def channel(self, name: str) -> Channel:
        """A channel by name or id."""
        channels = self.practice.workspace.channels
        if name in channels:
            return channels[name]
        return next(c for c in channels.values() if c.name == name.removeprefix("#"))

    def dm(self, user: str) -> str:
        """The id of this person's direct message with the bot, to pass as `in_`."""
        return self.call(lambda: self.practice.workspace.im_with(user)).id

    def messages(self, in_: str = "campaigns") -> list[MessageSnapshot]:
        """The main view of a channel, oldest first."""
        place = self.channel(in_).id
        return self._shown(lambda m: m.channel == place and (not m.is_reply or m.broadcast))

    def threads(self, in_: str = "campaigns") -> list[MessageSnapshot]:
        """The bot's own root messages in a channel, oldest first."""
        return [
            m for m in self.messages(in_) if m.user == BOT and not m.thread_ts and not m.subtype
        ]

    def thread(self, message: MessageSnapshot) -> list[MessageSnapshot]:
        """The whole thread of a message: its root, then the replies, oldest first."""
        root = message.root_ts
        return self._shown(lambda m: m.channel == message.channel and root in (m.ts, m.thread_ts))

    def again(self, message: MessageSnapshot) -> MessageSnapshot:
        """The same message as it is now; fails if it was deleted."""
        record = self.call(lambda: self._record(message))
        assert record is not None, f"this message is gone: {message.text}"
        return record

    def message_with(
        self, label: str, *, by: str | None = None, thread: MessageSnapshot | None = None
    ) -> MessageSnapshot | None:
        """The newest message with a button whose label starts with `label`, or None.

        With `by`, that person's ephemeral messages count too; with `thread`, only messages of
        that thread.
        """
        candidates = self._shown(lambda _: True) + (self.ephemerals(by) if by else [])
        for message in sorted(candidates, key=lambda m: m.ts, reverse=True):
            same = thread is None or message.root_ts == thread.root_ts
            if same and message.button(label) is not None:
                return message
        return None

    def live_buttons(self, message: MessageSnapshot) -> list[str]:
        """The labels of the buttons that this message shows now."""
        return [button.label for button in self.again(message).buttons]

    def ephemerals(self, user: str) -> list[MessageSnapshot]:
        """What only this person sees, oldest first."""
        return self.call(
            lambda: [
                MessageSnapshot.of(message)
                for message in self.practice.workspace.ephemerals.values()
                if message.ephemeral_to == user
            ]
        )

    def ephemeral(self, user: str) -> str:
        """All readable text of this person's newest ephemeral message, or an empty string."""
        visible = self.ephemerals(user)
        return visible[-1].everything if visible else ""

    def notices(self, user: str) -> list[str]:
        """What Slack itself showed this person: failed commands, unanswered clicks."""
        return [notice.text for notice in self._notices if notice.user == user]

    def thread_status(self, message: MessageSnapshot) -> str:
        """What the app says it is doing under the thread of this message."""
        where = (message.channel, message.root_ts)
        return self.call(lambda: self.practice.workspace.thread_status(*where))

    def notified(self, message: MessageSnapshot) -> set[str]:
        """Who was notified when this message was first posted."""
        return set(self.again(message).pings.users)

    def file_text(self, message: MessageSnapshot) -> str:
        """The text of the file that is attached to this message."""
        return self.practice.workspace.files[message.files[0]].content.decode()

    @property
    def journal(self) -> list[Version]:
        """Every version of every message ever shown, in order."""
        return self.call(lambda: list(self.practice.workspace.journal))

    def most_live_at_once(self, key: Callable[[Version, Button], str | None]) -> dict[str, int]:
        """For each key, the most messages that showed its buttons at once, over the whole history.

        `key` returns what a button acts on, such as a checkpoint's id, or None to ignore it.
        """
        visible: dict[tuple[str, str], set[str]] = {}
        most: dict[str, int] = {}
        for version in self.journal:
            names = {
                name
                for button in buttons(version.blocks)
                if version.ephemeral_to is None and (name := key(version, button)) is not None
            }
            visible[(version.channel, version.ts)] = names
            for name in names:
                count = sum(name in keys for keys in visible.values())
                most[name] = max(most.get(name, 0), count)
        return most

    def calls(self, method: str | None = None) -> list[Entry]:
        """The bot's calls, oldest first: `name`, `status`, `note`, `sent`, `answered`."""
        return self.call(
            lambda: [
                entry
                for entry in self.practice.traffic.after(0)
                if entry.direction == "from_bot" and method in (None, entry.name)
            ]
        )

    def deliveries(self, kind: str | None = None) -> list[Delivery]:
        """What was sent to the bot, e.g. of kind `slash_commands` or `interactive`."""
        return self.call(
            lambda: [d for d in self.practice.deliveries.sent if kind in (None, d.kind)]
        )

    def _name(self, user: str) -> str:
        return self.practice.workspace.users[user].name

    def _shown(self, matches: Callable[[Message], bool]) -> list[MessageSnapshot]:
        return self.call(
            lambda: [
                MessageSnapshot.of(message)
                for messages in self.practice.workspace.messages.values()
                for message in messages.values()
                if matches(message)
            ]
        )

    def _record(self, message: MessageSnapshot) -> MessageSnapshot | None:
        state = self.practice.workspace
        record = state.ephemerals.get(message.ts) or state.find(message.channel, message.ts)
        return MessageSnapshot.of(record) if record is not None else None

    def _message_record(self, message: MessageSnapshot) -> Message:
        record = self.practice.workspace.find(message.channel, message.ts)
        assert record is not None, f"this message is gone: {message.text}"
        return record
