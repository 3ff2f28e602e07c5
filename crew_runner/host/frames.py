"""Messages cut out of what a pipe brings, as multiprocessing's connections write them.

A connection's own `recv_bytes` waits until a message is whole, and a child could let its worker
wait for ever. Here nothing waits.
"""

from __future__ import annotations

import struct
from typing import Final

_LENGTH: Final = struct.Struct("!i")


class TooLong(Exception):
    """A message is longer than it may be, or none at all."""


class Frames:
    """`most`: bytes of one message."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._read = bytearray()

    def feed(self, read: bytes) -> list[bytes]:
        """The messages that are whole now. Raises TooLong; then nothing more can be read."""
        self._read += read
        whole: list[bytes] = []
        while len(self._read) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._read)
            if not 0 <= length <= self._most:
                raise TooLong
            end = _LENGTH.size + length
            if len(self._read) < end:
                break
            whole.append(bytes(self._read[_LENGTH.size : end]))
            del self._read[:end]
        return whole
