"""What a child says is cut into messages without ever waiting for it."""

from __future__ import annotations

import os
import struct
from multiprocessing import Pipe

import pytest

from crew_runner.host.frames import Frames, TooLong


def written(*messages: bytes) -> bytes:
    """What multiprocessing puts into the pipe."""
    ours, theirs = Pipe()
    for message in messages:
        ours.send_bytes(message)
    return os.read(theirs.fileno(), 65536)


def test_messages_are_cut_out_wherever_the_pipe_was_read() -> None:
    raw = written(b"one", b"", b"three" * 100)
    for step in (1, 3, len(raw)):
        frames = Frames(1000)
        found = [m for at in range(0, len(raw), step) for m in frames.feed(raw[at : at + step])]
        assert found == [b"one", b"", b"three" * 100]


def test_half_a_message_is_no_message_yet() -> None:
    assert Frames(1000).feed(written(b"a promise")[:-1]) == []


@pytest.mark.parametrize("length", [1001, -1, -7])
def test_what_is_too_long_is_refused_before_it_comes(length: int) -> None:
    with pytest.raises(TooLong):
        Frames(1000).feed(struct.pack("!i", length))
