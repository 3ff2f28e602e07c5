"""The log of everything that the workspace and the bot said to one another."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass

from practice.records import Json

KEPT = 2_000


@dataclass
class Entry:
    """One exchange. `sent` and `answered` are bodies, with tokens left out."""

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

    def line(self) -> Json:
        """The entry without its bodies, as the page lists it."""
        shown = asdict(self)
        del shown["sent"], shown["answered"]
        return shown


class Traffic:
    """Keeps the newest exchanges and tells whoever watches of each."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._seq = 0
        self.watchers: list[Callable[[Entry], None]] = []

    def note(
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
