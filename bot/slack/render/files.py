"""The files that a phase wrote, as its checkpoint lists and posts them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from bot.slack.render import text
from bot.slack.render.message import Rendered, section
from storage.records import OutputFile

LISTED_AT_ONCE: Final = 10
PATH_LIMIT: Final = 80
_KILOBYTE: Final = 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of the thread. Its name is always the same, so that the file can be found again."""

    name: str
    title: str
    content: bytes


def listed(files: Sequence[OutputFile]) -> list[str]:
    """Lines of mrkdwn with the files' names and sizes; none if there are no files."""
    return [
        line
        for line in (
            _line("Files:", [f for f in files if f.kept and not f.deleted], _with_size),
            _line("Deleted:", [f for f in files if f.deleted], _name),
            _line("Not kept, as too large or not a plain file:", _not_kept(files), _with_size),
        )
        if line
    ]


def not_posted(path: str, bytes_: int) -> Rendered:
    """What is posted in place of a file that Slack has refused."""
    name = text.line(path, PATH_LIMIT)
    words = f":paperclip: {name} ({size(bytes_)}) is not posted here: Slack did not take the file."
    return Rendered(words, (section(words),), words)


def size(count: int) -> str:
    """A number of bytes for people: `310 bytes`, `2.1 KB`, `48 KB`."""
    if count < _KILOBYTE:
        return f"{count} byte{'' if count == 1 else 's'}"
    amount, unit = count / _KILOBYTE, "KB"
    if amount >= _KILOBYTE:
        amount, unit = amount / _KILOBYTE, "MB"
    return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"


def upload_name(path: str, unique: str) -> str:
    """The name of an upload: the file's own with `unique` in it, by which it is found again."""
    name = PurePosixPath(path)
    stem = text.plain(name.stem, 60).replace(" ", "-").replace("/", "-")
    return f"{stem}-{unique}{name.suffix}"


def _not_kept(files: Sequence[OutputFile]) -> list[OutputFile]:
    return [file for file in files if not file.kept]


def _line(label: str, files: Sequence[OutputFile], show: Callable[[OutputFile], str]) -> str:
    if not files:
        return ""
    names = ", ".join(show(file) for file in files[:LISTED_AT_ONCE])
    rest = len(files) - LISTED_AT_ONCE
    return f"{label} {names}" + (f" and {rest} more" if rest > 0 else "")


def _name(file: OutputFile) -> str:
    return text.line(file.path, PATH_LIMIT)


def _with_size(file: OutputFile) -> str:
    return f"{_name(file)} ({size(file.size)})"
