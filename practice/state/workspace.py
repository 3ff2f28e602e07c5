"""The state of one workspace and the operations on it.

Each operation changes the records and emits a change to the listeners. Nothing here
depends on HTTP, transports or the page. Everything runs in the server's event loop.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterable

from practice.rules import SLACK
from practice.state import block_ids, mentions
from practice.state.changes import (
    Change,
    ChannelChanged,
    Deleted,
    Edited,
    EphemeralGone,
    EphemeralShown,
    FileStored,
    GroupChanged,
    Listener,
    MemberJoined,
    MemberLeft,
    Posted,
    ReadMoved,
    Refreshed,
    ThreadStatusChanged,
    UserChanged,
)
from practice.state.records import (
    App,
    Channel,
    Enterprise,
    File,
    Json,
    Message,
    Pings,
    User,
    UserGroup,
    Version,
    View,
)

JOURNAL_SIZE = 50_000
SLACKBOT = "USLACKBOT"
STATUS_SECONDS = 120.0


class Workspace:
    """Users, channels, messages, files and views of one practice team."""

    def __init__(
        self, *, app: App, team_id: str, team_name: str, clock: Callable[[], float]
    ) -> None:
        self.app = app
        self.team_id = team_id
        self.team_name = team_name
        self.clock = clock
        self.rules = SLACK
        self.is_paid = True
        self.upload_error: str | None = None
        self.enterprise: Enterprise | None = None
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.groups: dict[str, UserGroup] = {}
        self.messages: dict[str, dict[str, Message]] = {}
        self.ephemerals: dict[str, Message] = {}
        self.files: dict[str, File] = {}
        self.views: dict[str, View] = {}
        self.homes: dict[str, View] = {}
        self.reads: dict[tuple[str, str], str] = {}
        self._statuses: dict[tuple[str, str], tuple[str, float]] = {}
        self.journal: deque[Version] = deque(maxlen=JOURNAL_SIZE)
        self._versions = 0
        self.listeners: list[Listener] = []
        self.last_micros = 0

    # -- ids and changes ---------------------------------------------------------------

    def emit(self, change: Change) -> None:
        for listener in self.listeners:
            listener(change)

    def next_ts(self) -> str:
        """A unique message timestamp: seconds and microseconds."""
        self.last_micros = max(int(self.clock() * 1_000_000), self.last_micros + 1)
        return f"{self.last_micros // 1_000_000}.{self.last_micros % 1_000_000:06d}"

    def next_id(self, prefix: str) -> str:
        """An id such as `F0…`. It is based on the time and so stays unique across restarts."""
        number = int(self.next_ts().replace(".", ""))
        letters = ""
        while number:
            number, digit = divmod(number, 36)
            letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[digit] + letters
        return f"{prefix}0{letters}"

    @property
    def bot(self) -> User:
        return self.users[self.app.bot_user]

    # -- people and conversations ----------------------------------------------------------

    def add_user(self, user: User) -> User:
        self.users[user.id] = user
        self.emit(UserChanged(user))
        if not user.is_bot:
            self.im_with(user.id)
        return user

    def add_group(self, group: UserGroup) -> UserGroup:
        self.groups[group.id] = group
        self.emit(GroupChanged(group))
        return group

    def add_channel(self, channel: Channel) -> Channel:
        channel.created = channel.created or int(self.clock())
        self.channels[channel.id] = channel
        self.messages.setdefault(channel.id, {})
        self.emit(ChannelChanged(channel))
        return channel

    def im_with(self, user: str) -> Channel:
        """The direct message between this user and the app, created on first use."""
        for channel in self.channels.values():
            if channel.is_im and channel.im_user == user:
                return channel
        return self.add_channel(
            Channel(
                id=f"D{user[1:]}",
                name="",
                is_im=True,
                im_user=user,
                members=[user, self.app.bot_user],
            )
        )

    def join(self, channel: Channel, user: str, *, inviter: str | None = None) -> None:
        """Add a member and post the join message; a no-op for a member."""
        if user in channel.members:
            return
        channel.members.append(user)
        self.emit(ChannelChanged(channel))
        self.emit(MemberJoined(channel, user, inviter))
        self.post(
            channel=channel.id,
            user=user,
            text=f"<@{user}> has joined the channel",
            subtype="channel_join",
        )

    def group_dm(self, *people: str) -> Channel:
        """A group direct message of these people, created on first use."""
        for channel in self.channels.values():
            if channel.is_mpim and sorted(channel.members) == sorted(people):
                return channel
        names = "--".join(self.users[user].name for user in people)
        return self.add_channel(
            Channel(
                id=self.next_id("G"),
                name=f"mpdm-{names}-1",
                members=list(people),
                is_private=True,
                is_mpim=True,
            )
        )

    def leave(self, channel: Channel, user: str) -> None:
        if user in channel.members:
            channel.members.remove(user)
            self.emit(ChannelChanged(channel))
            self.emit(MemberLeft(channel, user))

    def archive(self, channel: Channel, *, archived: bool = True) -> None:
        channel.is_archived = archived
        self.emit(ChannelChanged(channel))

    # -- messages -------------------------------------------------------------------

    def post(
        self,
        *,
        channel: str,
        user: str,
        text: str,
        blocks: list[Json] | None = None,
        thread_ts: str | None = None,
        broadcast: bool = False,
        metadata: Json | None = None,
        files: Iterable[str] = (),
        subtype: str | None = None,
        link_names: bool = False,
    ) -> Message:
        """Post a message and record whom it notifies."""
        conversation = self.channels[channel]
        message = Message(
            ts=self.next_ts(),
            channel=channel,
            user=user,
            team_id=self.users[user].team_id,
            bot_id=self.app.bot_id if user == self.app.bot_user else None,
            text=text,
            blocks=block_ids.with_ids(blocks),
            thread_ts=thread_ts,
            broadcast=broadcast and thread_ts is not None,
            metadata=metadata,
            files=list(files),
            subtype=subtype,
            client_msg_id=None if self.users[user].is_bot else self.next_id("m").lower(),
        )
        if subtype is None:
            message.pings = mentions.pings(
                text=text,
                blocks=blocks,
                link_names=link_names,
                channel=conversation,
                users=self.users,
                groups=self.groups,
                author=user,
            )
        self.messages[channel][message.ts] = message
        self._record("post", message)
        self.emit(Posted(message))
        self._root_changed(message)
        if message.bot_id is not None and message.thread_ts is not None:
            self.set_thread_status(channel, message.thread_ts, "")
        return message

    def edit(
        self,
        message: Message,
        *,
        by: str,
        text: str,
        blocks: list[Json] | None,
        metadata: Json | None = None,
        files: list[str] | None = None,
    ) -> None:
        """Change the content of a message. It keeps its position and notifies no one."""
        before = copy.deepcopy(message)
        message.text = text
        message.blocks = block_ids.with_ids(blocks)
        message.edited = {"user": by, "ts": f"{int(self.clock())}.000000"}
        if metadata is not None:
            message.metadata = metadata
        if files is not None:
            message.files = files
        self._record("update", message)
        self.emit(Edited(message, before))

    def delete(self, message: Message) -> None:
        """Delete a message. A thread root with replies becomes a tombstone."""
        if not message.is_reply and self.replies(message.channel, message.ts):
            self._leave_tombstone(message)
            return
        del self.messages[message.channel][message.ts]
        self._record("delete", message)
        self.emit(Deleted(message))
        self._root_changed(message)

    def reactions_changed(self, message: Message) -> None:
        self.emit(Refreshed(message))

    def find(self, channel: str, ts: str) -> Message | None:
        return self.messages.get(channel, {}).get(ts)

    def replies(self, channel: str, ts: str) -> list[Message]:
        """The replies of a thread, oldest first, without its root."""
        return [
            message
            for message in self.messages.get(channel, {}).values()
            if message.is_reply and message.thread_ts == ts
        ]

    def show_ephemeral(
        self,
        *,
        channel: str,
        to: str,
        text: str,
        blocks: list[Json] | None = None,
        thread_ts: str | None = None,
    ) -> Message:
        """Show a message to one user only."""
        message = Message(
            ts=self.next_ts(),
            channel=channel,
            user=self.app.bot_user,
            team_id=self.team_id,
            bot_id=self.app.bot_id,
            text=text,
            blocks=block_ids.with_ids(blocks),
            thread_ts=thread_ts,
            ephemeral_to=to,
            pings=Pings(),
        )
        self.ephemerals[message.ts] = message
        self._record("ephemeral", message)
        self.emit(EphemeralShown(message))
        return message

    def replace_ephemeral(
        self, message: Message, *, text: str, blocks: list[Json] | None
    ) -> Message:
        message.text, message.blocks = text, block_ids.with_ids(blocks)
        self._record("ephemeral_update", message)
        self.emit(EphemeralShown(message))
        return message

    def drop_ephemeral(self, message: Message) -> None:
        if self.ephemerals.pop(message.ts, None) is not None:
            self._record("ephemeral_delete", message)
            self.emit(EphemeralGone(message))

    def set_thread_status(self, channel: str, thread_ts: str, status: str) -> None:
        """Show what the app is doing under a thread, until it posts there or two minutes pass."""
        if not status and (channel, thread_ts) not in self._statuses:
            return
        if status:
            self._statuses[(channel, thread_ts)] = (status, self.clock() + STATUS_SECONDS)
        else:
            del self._statuses[(channel, thread_ts)]
        self.emit(ThreadStatusChanged(channel, thread_ts, status))

    def thread_status(self, channel: str, thread_ts: str) -> str:
        """The status under a thread, or an empty string."""
        status, until = self._statuses.get((channel, thread_ts), ("", 0.0))
        return status if self.clock() < until else ""

    # -- files and reading ------------------------------------------------------------

    def store_file(self, file: File) -> None:
        self.files[file.id] = file
        self.emit(FileStored(file))

    def mark_read(self, user: str, channel: str) -> None:
        last = next(reversed(self.messages[channel]), None)
        if last is not None and self.reads.get((user, channel)) != last:
            self.reads[(user, channel)] = last
            self.emit(ReadMoved(user, channel, last))

    def unread(self, user: str, channel: str) -> int:
        """The number of messages by others in the main view since the user last read it."""
        seen = self.reads.get((user, channel), "")
        return sum(
            1
            for ts, message in self.messages[channel].items()
            if ts > seen
            and message.user != user
            and (not message.is_reply or message.broadcast)
            and message.subtype != "channel_join"
        )

    # -- helpers -----------------------------------------------------------------------

    def _leave_tombstone(self, message: Message) -> None:
        before = copy.deepcopy(message)
        message.user, message.bot_id, message.subtype = SLACKBOT, None, "tombstone"
        message.text, message.blocks, message.files = "This message was deleted.", None, []
        message.metadata = None
        self._record("delete", message)
        self.emit(Edited(message, before))

    def _root_changed(self, message: Message) -> None:
        if message.is_reply and message.thread_ts is not None:
            root = self.find(message.channel, message.thread_ts)
            if root is not None:
                self.emit(Refreshed(root))

    def _record(self, act: str, message: Message) -> None:
        self._versions += 1
        self.journal.append(
            Version(
                seq=self._versions,
                at=self.clock(),
                act=act,
                channel=message.channel,
                ts=message.ts,
                thread_ts=message.thread_ts,
                user=message.user,
                text=message.text,
                blocks=None if act.endswith("delete") else copy.deepcopy(message.blocks),
                ephemeral_to=message.ephemeral_to,
            )
        )
