"""What a message says, as Slack sends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.slack.inbound.payload_shape import PayloadError, text

HUMAN_SUBTYPES = (None, "thread_broadcast", "file_share", "me_message")
"""Message events that carry a person's words; all other subtypes report changes."""


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file of a message, as Slack describes it.

    `is_elsewhere`: another service has it, or Slack no longer shows it.
    """

    name: str
    mimetype: str
    size: int
    url: str
    is_elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """What a message says: its mrkdwn as Slack sends it, and its files. See `People.words`."""

    mrkdwn: str
    files: tuple[AttachedFile, ...] = ()


NOTHING_WRITTEN: Final = Written("")


def written(message: Mapping[str, Any]) -> Written:
    """The words and files of a message."""
    files = message.get("files") or []
    if not isinstance(files, list):
        raise PayloadError("files")
    described = (_attached(file) for file in files if isinstance(file, Mapping))
    return Written(text(message, "text", default=""), tuple(described))


def _attached(file: Mapping[str, Any]) -> AttachedFile:
    size = file.get("size")
    url = text(file, "url_private", default="")
    gone = file.get("mode") in ("tombstone", "hidden_by_limit", "external")
    return AttachedFile(
        name=text(file, "name", default="") or text(file, "title", default="") or "file",
        mimetype=text(file, "mimetype", default=""),
        size=size if isinstance(size, int) else 0,
        url=url,
        is_elsewhere=bool(gone or file.get("is_external") or not url),
    )
