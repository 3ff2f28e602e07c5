from __future__ import annotations

import json

from bot.api.live.ring import Ring, encoded
from storage.events import Event
from tests.support.factories import NOON


def event(seq: int, **data: object) -> Event:
    return Event(seq, "phase.started", "e1", NOON, "running", data=data)


def seqs(ring: Ring, after: int) -> list[int]:
    return [each.event.seq for each in ring.after(after).events]


def test_it_has_what_follows_a_position() -> None:
    ring = Ring(10)
    ring.extend([event(12), event(15)], head=16)
    ring.extend([event(18)], head=18)

    assert seqs(ring, 10) == [12, 15, 18]
    assert seqs(ring, 12) == [15, 18]
    assert seqs(ring, 16) == [18]
    assert seqs(ring, 99) == []
    assert ring.after(12) is ring.after(12), "those at one position share a batch"


def test_old_events_make_room_and_the_floor_says_from_where_it_is_complete() -> None:
    ring = Ring(0, size=8)
    for seq in range(1, 101):
        ring.extend([event(seq)], head=seq)

    assert ring.floor >= 100 - 2 * 8
    assert seqs(ring, ring.floor) == [*range(ring.floor + 1, 101)]
    assert len(seqs(ring, ring.floor)) >= 8


def test_an_event_is_one_block_whatever_is_in_it() -> None:
    live = encoded(event(7, checkpoint_name="a\n\ndata: evil\r\n\u2028", actor="Łódź"))

    assert live.block.endswith(b"\n\n")
    assert live.block.count(b"\n") == 3
    assert len(live.block.decode().splitlines()) == 3
    assert json.loads(live.json) == {
        "id": "7",
        "type": "phase.started",
        "execution_id": "e1",
        "at": "2026-03-02T12:00:00Z",
        "status": "running",
        "checkpoint_name": "a\n\ndata: evil\r\n\u2028",
        "actor": "Łódź",
    }
