"""A child's bytes are split into messages without blocking."""

from __future__ import annotations

import os
import struct
from multiprocessing import Pipe

import pytest

from crew_runner.host.frames import FrameReader, MessageTooLong


def frames_of(*messages: bytes) -> bytes:
    """The bytes that multiprocessing writes for the messages."""
    ours, theirs = Pipe()
    for message in messages:
        ours.send_bytes(message)
    return os.read(theirs.fileno(), 65536)


def test_messages_are_split_wherever_the_reads_end() -> None:
    raw = frames_of(b"one", b"", b"three" * 100)
    for step in (1, 3, len(raw)):
        frames = FrameReader(1000)
        messages = [m for at in range(0, len(raw), step) for m in frames.feed(raw[at : at + step])]
        assert messages == [b"one", b"", b"three" * 100]


def test_half_a_message_is_not_returned_yet() -> None:
    assert FrameReader(1000).feed(frames_of(b"a promise")[:-1]) == []


@pytest.mark.parametrize("length", [1001, -1, -7])
def test_a_message_that_is_too_long_is_refused_before_it_arrives(length: int) -> None:
    with pytest.raises(MessageTooLong):
        FrameReader(1000).feed(struct.pack("!i", length))
