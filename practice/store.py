"""Keeping a workspace over restarts: one SQLite file, written with every change.

Each record is a row of JSON. A change costs one small write that is handed to the
operating system at once, so a killed server loses nothing; only a power cut may lose
the latest moments, which a practice workspace can bear.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict
from pathlib import Path

from practice.changes import (
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
from practice.records import Channel, File, Json, Message, Pings, User, UserGroup, View
from practice.workspace import Workspace


class Store:
    """The file that a workspace is read from at start and written to as it changes."""

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
        """Fill the workspace from the file, or a new file from the workspace; then follow it."""
        if self._rows("user"):
            self._fill(workspace)
        else:
            self._save_all(workspace)
        workspace.listeners.append(self.heard)

    def close(self) -> None:
        self._database.close()

    def heard(self, change: Change) -> None:
        match change:
            case Posted(message) | Edited(message, _) | Refreshed(message):
                self._save("message", f"{message.channel} {message.ts}", asdict(message))
            case Deleted(message):
                self._drop("message", f"{message.channel} {message.ts}")
            case EphemeralShown(message, _):
                self._save("ephemeral", message.ts, asdict(message))
            case EphemeralGone(message):
                self._drop("ephemeral", message.ts)
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
                facts = asdict(file)
                del facts["content"]
                self._save("file", file.id, facts, file.content)
            case _:
                pass

    def _save_all(self, workspace: Workspace) -> None:
        self._database.execute("BEGIN")
        for user in workspace.users.values():
            self.heard(UserChanged(user))
        for channel in workspace.channels.values():
            self.heard(ChannelChanged(channel))
        for group in workspace.groups.values():
            self.heard(GroupChanged(group))
        for messages in workspace.messages.values():
            for message in messages.values():
                self.heard(Posted(message))
        self._database.execute("COMMIT")

    def _fill(self, workspace: Workspace) -> None:
        workspace.users = {row["id"]: User(**row) for row in self._rows("user")}
        workspace.channels = {row["id"]: Channel(**row) for row in self._rows("channel")}
        workspace.groups = {row["id"]: UserGroup(**row) for row in self._rows("group")}
        workspace.messages = {channel: {} for channel in workspace.channels}
        messages = [_message(row) for row in self._rows("message")]
        for message in sorted(messages, key=lambda message: message.ts):
            workspace.messages[message.channel][message.ts] = message
        shown = [_message(row) for row in self._rows("ephemeral")]
        workspace.ephemerals = {message.ts: message for message in shown}
        workspace.homes = {row["user"]: View(**row) for row in self._rows("home")}
        workspace.views = {home.id: home for home in workspace.homes.values()}
        for key, body, _ in self._all("read"):
            user, _, channel = key.partition(" ")
            workspace.reads[(user, channel)] = body["ts"]
        for _, body, content in self._all("file"):
            workspace.files[body["id"]] = File(**body, content=content)
        latest = max((m.ts for m in [*messages, *shown]), default="0.0")
        workspace.last_micros = int(latest.replace(".", ""))

    def _save(self, kind: str, key: str, body: Json, content: bytes | None = None) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)",
            (kind, key, json.dumps(body), content),
        )

    def _drop(self, kind: str, key: str) -> None:
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
