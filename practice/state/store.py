"""Persists a workspace in one SQLite file.

Each record is a row of JSON. Every change is written to the operating system at once,
so a killed server loses nothing. A power failure may lose the latest changes, which is
acceptable for a practice workspace.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict
from pathlib import Path

from practice.state.changes import (
    Change,
    ChannelChanged,
    Deleted,
    Edited,
    EphemeralGone,
    EphemeralShown,
    FileStored,
    GroupChanged,
    HomePublished,
    Posted,
    ReadMoved,
    Refreshed,
    UserChanged,
)
from practice.state.records import Channel, File, Json, Message, Pings, User, UserGroup, View
from practice.state.workspace import Workspace


class Store:
    """Loads a workspace at start and saves each change to it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS records"
            " (kind TEXT, key TEXT, body TEXT, content BLOB, PRIMARY KEY (kind, key))"
        )

    def attach(self, workspace: Workspace) -> None:
        """Load the workspace from the file, or save it to a new one; then save each change."""
        if self._rows("user"):
            self._load(workspace)
        else:
            self._save_all(workspace)
        workspace.listeners.append(self.on_change)

    def close(self) -> None:
        self._database.close()

    def on_change(self, change: Change) -> None:
        match change:
            case Posted(message) | Edited(message, _) | Refreshed(message):
                self._save("message", f"{message.channel} {message.ts}", asdict(message))
            case Deleted(message):
                self._remove("message", f"{message.channel} {message.ts}")
            case EphemeralShown(message):
                self._save("ephemeral", message.ts, asdict(message))
            case EphemeralGone(message):
                self._remove("ephemeral", message.ts)
            case UserChanged(user):
                self._save("user", user.id, asdict(user))
            case ChannelChanged(channel):
                self._save("channel", channel.id, asdict(channel))
            case GroupChanged(group):
                self._save("group", group.id, asdict(group))
            case HomePublished(view):
                self._save("home", view.user, asdict(view))
            case ReadMoved(user, channel, ts):
                self._save("read", f"{user} {channel}", {"ts": ts})
            case FileStored(file):
                fields = asdict(file)
                del fields["content"]
                self._save("file", file.id, fields, file.content)
            case _:
                pass

    def _save_all(self, workspace: Workspace) -> None:
        self._database.execute("BEGIN")
        for user in workspace.users.values():
            self.on_change(UserChanged(user))
        for channel in workspace.channels.values():
            self.on_change(ChannelChanged(channel))
        for group in workspace.groups.values():
            self.on_change(GroupChanged(group))
        for messages in workspace.messages.values():
            for message in messages.values():
                self.on_change(Posted(message))
        self._database.execute("COMMIT")

    def _load(self, workspace: Workspace) -> None:
        workspace.users = {row["id"]: User(**row) for row in self._rows("user")}
        workspace.channels = {row["id"]: Channel(**row) for row in self._rows("channel")}
        workspace.groups = {row["id"]: UserGroup(**row) for row in self._rows("group")}
        workspace.messages = {channel: {} for channel in workspace.channels}
        messages = [_message(row) for row in self._rows("message")]
        for message in sorted(messages, key=lambda message: message.ts):
            workspace.messages[message.channel][message.ts] = message
        ephemerals = [_message(row) for row in self._rows("ephemeral")]
        workspace.ephemerals = {message.ts: message for message in ephemerals}
        workspace.homes = {row["user"]: View(**row) for row in self._rows("home")}
        workspace.views = {home.id: home for home in workspace.homes.values()}
        for key, body, _ in self._all("read"):
            user, _, channel = key.partition(" ")
            workspace.reads[(user, channel)] = body["ts"]
        for _, body, content in self._all("file"):
            workspace.files[body["id"]] = File(**body, content=content)
        latest = max((m.ts for m in [*messages, *ephemerals]), default="0.0")
        workspace.last_micros = int(latest.replace(".", ""))

    def _save(self, kind: str, key: str, body: Json, content: bytes | None = None) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)",
            (kind, key, json.dumps(body), content),
        )

    def _remove(self, kind: str, key: str) -> None:
        self._database.execute("DELETE FROM records WHERE kind = ? AND key = ?", (kind, key))

    def _rows(self, kind: str) -> list[Json]:
        return [body for _, body, _ in self._all(kind)]

    def _all(self, kind: str) -> list[tuple[str, Json, bytes]]:
        rows = self._database.execute(
            "SELECT key, body, content FROM records WHERE kind = ? ORDER BY rowid", (kind,)
        )
        return [(key, json.loads(body), content or b"") for key, body, content in rows]


def _message(row: Json) -> Message:
    return Message(**{**row, "pings": Pings(**row["pings"])})
