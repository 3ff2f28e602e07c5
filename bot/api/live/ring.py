"""The newest events in memory, each encoded once for all clients."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from typing import Final

from storage.events import Event

SIZE: Final = 4096
"""Events that are kept. A client that is further behind reads from the database."""


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """An event, as clients get it: a JSON object, and a block of an event stream."""

    event: Event
    json: str
    block: bytes


def encoded(event: Event) -> LiveEvent:
    body = {
        "id": str(event.seq),
        "type": event.type,
        "execution_id": event.execution_id,
        "at": event.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "status": event.status,
        **event.data,
    }
    text = json.dumps(body, separators=(",", ":"))  # in ASCII: clients split lines in many ways
    return LiveEvent(event, text, f"id: {event.seq}\ndata: {text}\n\n".encode())


class Batch:
    """Events that a client gets together."""

    def __init__(self, events: Sequence[LiveEvent]) -> None:
        self.events = events

    @cached_property
    def block(self) -> bytes:
        return b"".join(event.block for event in self.events)

    def only(self, visible: Callable[[Event], bool]) -> Batch:
        return Batch([event for event in self.events if visible(event.event)])

    def __bool__(self) -> bool:
        return bool(self.events)


NOTHING: Final = Batch(())


class Ring:
    """The events with `floor` < `seq` <= `head`, in order."""

    def __init__(self, head: int, *, size: int = SIZE) -> None:
        self.floor = head
        self.head = head
        self._size = size
        self._seqs: list[int] = []
        self._events: list[LiveEvent] = []
        self._newest: dict[int, Batch] = {}

    def extend(self, events: Iterable[Event], *, head: int) -> None:
        """Add events. No event up to `head` is missing."""
        for event in events:
            self._seqs.append(event.seq)
            self._events.append(encoded(event))
        self.head = head
        self._newest.clear()
        surplus = len(self._seqs) - self._size
        if surplus > self._size // 4:  # seldom, because it moves the whole list
            self.floor = self._seqs[surplus - 1]
            del self._seqs[:surplus]
            del self._events[:surplus]

    def after(self, seq: int) -> Batch:
        """The events after `seq`, which is not below the floor. Clients at one `seq` share it."""
        batch = self._newest.get(seq)
        if batch is None:
            batch = Batch(self._events[bisect_right(self._seqs, seq) :])
            if len(self._newest) < _SHARED:
                self._newest[seq] = batch
        return batch


_SHARED: Final = 32
