"""Adds an entry to crews.yml and leaves the rest of the file as it is, byte for byte."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from crew_runner.config.registry import CrewsFileError, load_crews
from crew_runner.projects.entry import NewEntry

_HEADER: Final = (
    "# The crews that people can start with `/crew NAME request`. "
    "docs/crews/README.md explains each key."
)
_STEP: Final = "  "


class CannotAdd(Exception):
    """The entry was not written, and the file is as it was. The message says why."""


def names_in(path: Path) -> frozenset[str]:
    """The names of the crews in the file; none if it is missing. Raises CannotAdd."""
    root = _crews(_read(path), path)
    return frozenset(root) if root else frozenset()


def add_entry(path: Path, entry: NewEntry) -> None:
    """Write the entry at the end of the crews, into a new file if there is none.

    Raises CannotAdd, also if a crew of that name exists.
    """
    path = path.resolve()  # a symbolic link stays one
    text = _read(path)
    if entry.name in names_in(path):
        raise CannotAdd(f"{path} already has a crew {entry.name}, which is left as it is.")
    new = _with_entry(text, entry, path)
    try:
        with _replacement(path) as temporary:
            temporary.write_bytes(new.encode())
            load_crews(temporary)
    except CrewsFileError as error:
        shown = str(error).replace(str(temporary), str(path))
        raise CannotAdd(f"The entry does not fit into the file:\n{shown}") from error
    except OSError as error:
        raise CannotAdd(f"{path} cannot be written: {error}.") from error


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise CannotAdd(f"{path} cannot be read: {error}.") from error


def _crews(text: str, path: Path) -> dict[str, object] | None:
    """The mapping under `crews`, or None if there is nothing under it."""
    try:
        root = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CannotAdd(f"{path} is not valid YAML, so nothing is added to it: {error}") from error
    crews = root.get("crews") if isinstance(root, dict) else root
    if crews is None or isinstance(crews, dict):
        return crews
    raise CannotAdd(f"{path} has no mapping of crews, so nothing is added to it.")


def _with_entry(text: str, entry: NewEntry, path: Path) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    if text and not text.endswith("\n"):
        text += newline
    place = _place(text, path)
    if place is None:
        header = [] if text.strip() else [_HEADER]
        place = _Place(len(text), _STEP, _STEP)
        new = [*header, "crews:", *entry.lines(_STEP, _STEP)]
    else:
        new = [*([""] if place.blank_lines else []), *entry.lines(place.indent, place.step)]
    written = "".join(line + newline for line in new)
    return text[: place.index] + written + text[place.index :]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a new crew goes, as an index into the text, and how the others are written."""

    index: int
    indent: str
    step: str
    blank_lines: bool = False


def _place(text: str, path: Path) -> _Place | None:
    """None if the file has no key `crews`."""
    root = yaml.compose(text)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    for key, crews in pairs:
        if key.value != "crews":
            continue
        if isinstance(crews, yaml.ScalarNode):  # nothing under it
            return _Place(_end_of_line(text, key.end_mark.index), _STEP, _STEP)
        if crews.flow_style or not isinstance(crews, yaml.MappingNode):
            raise CannotAdd(
                f"{path} has its crews in braces. Write each on lines of its own, then add again."
            )
        return _place_in(text, crews)
    return None


def _place_in(text: str, crews: yaml.MappingNode) -> _Place:
    name, entry = crews.value[0]
    indent = name.start_mark.column
    is_block = isinstance(entry, yaml.MappingNode) and not entry.flow_style
    step = entry.value[0][0].start_mark.column - indent if is_block else len(_STEP)
    end = _end(text, crews)
    lines = text[crews.start_mark.index : end].splitlines()
    return _Place(
        index=_after_comments(text, end, indent),
        indent=" " * indent,
        step=" " * step,
        blank_lines=any(not line.strip() for line in lines),
    )


def _end(text: str, crews: yaml.MappingNode) -> int:
    """The end of the mapping's last line, without the comments that follow.

    The end of a block lies at the next token, so the ends of its scalars, aliases and bracketed
    collections count.
    """
    last = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        start, end = event.start_mark, event.end_mark
        if start is None or end is None or start.index == end.index:
            continue
        if crews.start_mark.index <= start.index and end.index <= crews.end_mark.index:
            last = max(last, end.index)
    return last if text[last - 1] == "\n" else _end_of_line(text, last)


def _after_comments(text: str, index: int, indent: int) -> int:
    """Skip the comments of the last crew, which are indented deeper than the names of crews."""
    end = index
    for line in text[index:].splitlines(keepends=True):
        content = line.strip()
        is_comment = content.startswith("#") and line.index("#") > indent
        if content and not is_comment:
            break
        index += len(line)
        end = index if content else end
    return end


def _end_of_line(text: str, index: int) -> int:
    """The index after the line break."""
    return text.find("\n", index) + 1 or len(text)


@contextmanager
def _replacement(path: Path) -> Iterator[Path]:
    """A temporary file that replaces `path` at the end, unless there was an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        if path.exists():
            shutil.copymode(path, temporary)
        else:
            temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
