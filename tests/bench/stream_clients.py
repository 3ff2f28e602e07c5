"""Many clients of event streams in one process: cheap, and strict about what arrives."""

from __future__ import annotations

import asyncio
import random
import re
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

_EVENT = re.compile(rb"id: (\d+)\n(data: )?")
"""An event, or only the id from which a stream begins."""


@dataclass
class Stream:
    """One client's view: the ids of the events that arrived, and when each did,
    and when the connection on which it came was opened."""

    path: str
    ids: array[int] = field(default_factory=lambda: array("q"))
    times: array[float] = field(default_factory=lambda: array("d"))
    opened: array[float] = field(default_factory=lambda: array("d"))
    connections: int = 0
    refused: list[bytes] = field(default_factory=list)
    open: _Connection | None = None
    last_id: int | None = None


class _Connection(asyncio.Protocol):
    def __init__(self, stream: Stream, host: bytes) -> None:
        self._stream = stream
        self._host = host
        self._rest = b""
        self._opened_at = 0.0
        self._transport: asyncio.Transport | None = None
        self.answered = asyncio.get_running_loop().create_future()
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        last = self._stream.last_id
        resume = b"" if last is None else b"Last-Event-ID: %d\r\n" % last
        path = self._stream.path.encode()
        transport.write(b"GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (path, self._host, resume))

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        if not self.answered.done():
            self.answered.set_result(None)
            self._opened_at = now
            self._stream.connections += 1
            if b" 200 " not in data[:20]:
                self._stream.refused.append(data)
        data = self._rest + data
        whole, end, rest = data.rpartition(b"\n\n")
        self._rest = rest if end else data
        for match in _EVENT.finditer(whole + end):
            self._stream.last_id = int(match[1])
            if match[2] is None:
                continue
            self._stream.ids.append(int(match[1]))
            self._stream.times.append(now)
            self._stream.opened.append(self._opened_at)

    def connection_lost(self, _error: Exception | None) -> None:
        for future in (self.answered, self.lost):
            if not future.done():
                future.set_result(None)

    def cut(self) -> None:
        """Break the connection; what arrives from now on is not seen."""
        assert self._transport is not None
        self._transport.abort()


async def connect(stream: Stream, port: int) -> None:
    """Open the stream, or open it again after its last event."""
    loop = asyncio.get_running_loop()
    host = b"127.0.0.1:%d" % port
    _, stream.open = await loop.create_connection(
        lambda: _Connection(stream, host), "127.0.0.1", port
    )
    await stream.open.answered


async def reconnect_at_random(
    streams: Sequence[Stream],
    port: int,
    *,
    per_second: float,
    rng: random.Random,
    until: asyncio.Event,
) -> None:
    """Break connections at random and open each again."""
    while not until.is_set():
        await asyncio.sleep(rng.expovariate(per_second))
        stream = rng.choice(streams)
        if stream.open is not None:
            stream.open.cut()
            await stream.open.lost
            await connect(stream, port)


async def open_all(streams: Sequence[Stream], port: int, *, at_once: int = 50) -> None:
    limit = asyncio.Semaphore(at_once)

    async def one(stream: Stream) -> None:
        async with limit:
            await connect(stream, port)

    await asyncio.gather(*map(one, streams))
