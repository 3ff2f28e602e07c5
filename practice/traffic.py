"""The log of all requests and deliveries between the workspace and the app."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass

from practice.state.records import Json

MAX_ENTRIES = 2_000


@dataclass
class Entry:
    """One request and its response. The bodies `sent` and `answered` contain no tokens."""

    seq: int
    at: float
    direction: str  # to_bot or from_bot
    kind: str
    name: str
    status: int
    ms: int
    note: str
    sent: object = None
    answered: object = None

    def summary(self) -> Json:
        """The entry without its bodies, for the list in the page."""
        summary = asdict(self)
        del summary["sent"], summary["answered"]
        return summary


class Traffic:
    """Keeps the newest entries and passes each new one to the watchers."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: deque[Entry] = deque(maxlen=MAX_ENTRIES)
        self._seq = 0
        self.watchers: list[Callable[[Entry], None]] = []

    def record(
        self,
        *,
        direction: str,
        kind: str,
        name: str,
        status: int,
        seconds: float,
        note: str = "",
        sent: object = None,
        answered: object = None,
    ) -> Entry:
        self._seq += 1
        entry = Entry(
            seq=self._seq,
            at=self._clock(),
            direction=direction,
            kind=kind,
            name=name,
            status=status,
            ms=round(seconds * 1000),
            note=note,
            sent=sent,
            answered=answered,
        )
        self._entries.append(entry)
        for watcher in self.watchers:
            watcher(entry)
        return entry

    def after(self, seq: int) -> list[Entry]:
        return [entry for entry in self._entries if entry.seq > seq]

    def entry(self, seq: int) -> Entry | None:
        return next((entry for entry in self._entries if entry.seq == seq), None)
