"""Looking: what people see in the workspace, and what happened in it."""

from __future__ import annotations

from collections.abc import Callable

from practice.delivery.deliveries import Delivery
from practice.seed import BOT
from practice.state.records import Channel, Message, Version
from practice.traffic import Entry
from tests.support.message_snapshot import Button, MessageSnapshot, buttons
from tests.support.served_workspace import ServedWorkspace


class WorkspaceQueries(ServedWorkspace):
    """All that a test may ask about messages, people's screens and the traffic."""

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
        """The same message as it stands now; fails if it was deleted."""
        found = self.call(lambda: self._record(message))
        assert found is not None, f"this message is gone: {message.text}"
        return found

    def message_with(
        self, label: str, *, by: str | None = None, thread: MessageSnapshot | None = None
    ) -> MessageSnapshot | None:
        """The newest message that shows a button whose label begins so, or None.

        With `by` that person's ephemeral messages count too; with `thread` only those
        of that thread.
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
        """All that is readable in this person's newest ephemeral message, or nothing."""
        shown = self.ephemerals(user)
        return shown[-1].everything if shown else ""

    def notices(self, user: str) -> list[str]:
        """What Slack itself told this person: failed commands, unanswered clicks."""
        return [notice.text for notice in self._notices if notice.user == user]

    def notified(self, message: MessageSnapshot) -> set[str]:
        """Who was called when this message was first posted."""
        return set(self.again(message).pings.users)

    def file_text(self, message: MessageSnapshot) -> str:
        """The text of the file that this message carries."""
        return self.practice.workspace.files[message.files[0]].content.decode()

    @property
    def journal(self) -> list[Version]:
        """Every version of every message ever shown, in order."""
        return self.call(lambda: list(self.practice.workspace.journal))

    def most_live_at_once(self, key: Callable[[Version, Button], str | None]) -> dict[str, int]:
        """Over the whole history: for each key, how many messages showed its buttons at once.

        `key` names what a button acts on (a checkpoint's id, say), or None to leave it out.
        """
        shown: dict[tuple[str, str], set[str]] = {}
        most: dict[str, int] = {}
        for version in self.journal:
            names = {
                name
                for button in buttons(version.blocks)
                if version.ephemeral_to is None and (name := key(version, button)) is not None
            }
            shown[(version.channel, version.ts)] = names
            for name in names:
                count = sum(name in held for held in shown.values())
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
        """What was sent to the bot, e.g. of kind `slash_commands`, `interactive`."""
        return self.call(
            lambda: [d for d in self.practice.deliveries.sent if kind in (None, d.kind)]
        )

    def _name(self, user: str) -> str:
        return self.practice.workspace.users[user].name

    def _shown(self, wanted: Callable[[Message], bool]) -> list[MessageSnapshot]:
        return self.call(
            lambda: [
                MessageSnapshot.of(message)
                for messages in self.practice.workspace.messages.values()
                for message in messages.values()
                if wanted(message)
            ]
        )

    def _record(self, message: MessageSnapshot) -> MessageSnapshot | None:
        state = self.practice.workspace
        found = state.ephemerals.get(message.ts) or state.find(message.channel, message.ts)
        return MessageSnapshot.of(found) if found is not None else None

    def _found(self, message: MessageSnapshot) -> Message:
        found = self.practice.workspace.find(message.channel, message.ts)
        assert found is not None, f"this message is gone: {message.text}"
        return found
