"""A message as a person sees it: a copy, independent of the server's records."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field

from practice.state.records import Json, Message, Pings

BUTTON_BLOCKS = ("actions", "section")


@dataclass(frozen=True)
class Button:
    """A button in a message: its label, and what a click sends."""

    label: str
    block_id: str
    action_id: str
    value: str | None
    style: str | None
    confirm: Json | None
    element: Json = field(repr=False)


@dataclass(frozen=True)
class MessageSnapshot:
    """One message at one moment. `workspace.again` reads it again, with later edits."""

    ts: str
    channel: str
    user: str
    text: str
    blocks: list[Json]
    thread_ts: str | None
    files: list[str]
    metadata: Json | None
    edited: bool
    broadcast: bool
    ephemeral_to: str | None
    subtype: str | None
    pings: Pings

    @classmethod
    def of(cls, message: Message) -> MessageSnapshot:
        return cls(
            ts=message.ts,
            channel=message.channel,
            user=message.user,
            text=message.text,
            blocks=copy.deepcopy(message.blocks or []),
            thread_ts=message.thread_ts,
            files=list(message.files),
            metadata=copy.deepcopy(message.metadata),
            edited=message.edited is not None,
            broadcast=message.broadcast,
            ephemeral_to=message.ephemeral_to,
            subtype=message.subtype,
            pings=copy.deepcopy(message.pings),
        )

    @property
    def root_ts(self) -> str:
        """The timestamp of the thread that this message is in or starts."""
        return self.thread_ts or self.ts

    @property
    def everything(self) -> str:
        """All readable text of the blocks, or the message's text if there are none."""
        return "\n".join(readable(self.blocks)) if self.blocks else self.text

    @property
    def buttons(self) -> list[Button]:
        return buttons(self.blocks)

    def button(self, label: str) -> Button | None:
        """The first button whose label starts with `label`."""
        return next((b for b in self.buttons if b.label.startswith(label)), None)


def buttons(blocks: list[Json] | None) -> list[Button]:
    return [
        Button(
            label=element["text"]["text"],
            block_id=block["block_id"],
            action_id=element["action_id"],
            value=element.get("value"),
            style=element.get("style"),
            confirm=element.get("confirm"),
            element=element,
        )
        for block in blocks or []
        if block.get("type") in BUTTON_BLOCKS
        for element in [*(block.get("elements") or []), block.get("accessory")]
        if isinstance(element, dict) and element.get("type") == "button"
    ]


def readable(node: object) -> Iterator[str]:
    """The texts of blocks in reading order, including button labels."""
    if isinstance(node, list):
        for item in node:
            yield from readable(item)
    elif isinstance(node, dict):
        for key in ("title", "text"):
            if isinstance(node.get(key), str):
                yield node[key]
        for key, item in node.items():
            if key not in ("confirm", "placeholder") and isinstance(item, dict | list):
                yield from readable(item)
