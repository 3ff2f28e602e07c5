"""Splits a stream of bytes into messages, in the format of multiprocessing's connections.

A connection's `recv_bytes` blocks until a message is complete, so a child could block its worker
for ever. Nothing here blocks.
"""

from __future__ import annotations

import struct
from typing import Final

_LENGTH: Final = struct.Struct("!i")


class MessageTooLong(Exception):
    """A message is longer than allowed, or its length is invalid."""


class FrameReader:
    """`max_bytes`: the limit of one message."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Returns the messages that are complete now.

        Raises MessageTooLong, after which the stream cannot be read any further.
        """
        self._buffer += data
        messages: list[bytes] = []
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if not 0 <= length <= self._max_bytes:
                raise MessageTooLong
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                break
            messages.append(bytes(self._buffer[_LENGTH.size : end]))
            del self._buffer[:end]
        return messages
