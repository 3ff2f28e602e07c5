"""What Slack counts in blocks, and whether it takes them. The numbers are in slack_limits. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

from slack_sdk.models.blocks import Block

from bot.slack.render import text

LIMITS: Final[Mapping[str, Mapping[str, int]]] = tomllib.loads(
    resources.files("slack_limits").joinpath("limits.toml").read_text("utf-8")
)

_SHOWN: Final = ("text", "title")
_NOT_SHOWN: Final = ("actions", "confirm")


@dataclass(frozen=True, slots=True)
class Size:
    """What Slack counts. `characters` are UTF-16 units and `bytes` UTF-8, of what a reader sees and
    of the addresses of links."""

    blocks: int
    characters: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Room:
    """How much of a text fits: blocks, characters as Slack counts them, and UTF-8 bytes.

    `tables` is the number of table blocks: views take none.
    """

    blocks: int
    characters: int
    bytes: int
    tables: int = 0


MESSAGE_LIMITS: Final = Room(
    blocks=LIMITS["message"]["blocks"],
    characters=LIMITS["message"]["characters"],
    bytes=LIMITS["message"]["bytes"],
    tables=LIMITS["message"]["tables"],
)


def measure(blocks: Sequence[Block]) -> Size:
    """Count the blocks as they are sent. Labels of buttons and menus do not count."""
    characters = size = 0
    for block in blocks:
        for shown in _shown(block.to_dict()):
            characters += text.length(shown)
            size += len(shown.encode("utf-8", "surrogatepass"))
    return Size(len(blocks), characters, size)


def fits(blocks: Sequence[Block], room: Room = MESSAGE_LIMITS) -> bool:
    size = measure(blocks)
    return (
        size.blocks <= room.blocks
        and size.characters <= room.characters
        and size.bytes <= room.bytes
        and sum(block.type == "table" for block in blocks) <= room.tables
    )


def _shown(node: object) -> Iterator[str]:
    """The texts and the addresses of links in a block."""
    if isinstance(node, list | tuple):
        for item in node:
            yield from _shown(item)
    elif isinstance(node, dict) and node.get("type") not in _NOT_SHOWN:
        for key, value in node.items():
            if isinstance(value, str):
                if key in _SHOWN or (key == "url" and node.get("type") == "link"):
                    yield value
            elif key not in _NOT_SHOWN and key != "accessory":
                yield from _shown(value)
