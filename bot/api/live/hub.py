"""The hub: reads new events once, and wakes the streams and pollers that wait for them.

It runs in the event loop of the HTTP server, while somebody listens. A commit of this process wakes
it; it finds those of other processes by polling. Streams hold a position, not a buffer: what they
have not sent yet is in the ring, or in the database. So a slow client costs no memory.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Final, TypeVar

from bot.api.live.ring import Batch, Ring, encoded
from storage.db.database import is_outage
from storage.event_reads import EventReads, LogPage

log = logging.getLogger(__name__)

T = TypeVar("T")

POLL_SECONDS: Final = 0.1
"""Seconds between looks at what other processes have committed."""

BEAT_SECONDS: Final = 1.0
HEARTBEAT_SECONDS: Final = 15.0
"""A client that has heard nothing for so long gets a heartbeat."""

OUTAGE_SECONDS: Final = 1.0
LONGEST_PAUSE: Final = 0.1

_ROWS_AT_ONCE: Final = 1000
_CATCH_UP_AT_ONCE: Final = 200
_THREADS: Final = 2


class Listener:
    """Somebody who waits: for all events, or for whatever happens to one execution.

    `position`: the `seq` up to which it has everything. `quiet_since`: when it last sent something.
    """

    __slots__ = ("_waiting", "_woken", "closed", "execution_id", "position", "quiet_since")

    def __init__(self, execution_id: str | None, position: int) -> None:
        self.execution_id = execution_id
        self.position = position
        self.closed = False
        self.quiet_since = math.inf
        self._woken = False
        self._waiting: asyncio.Future[None] | None = None

    def wake(self) -> None:
        self._woken = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def close(self) -> None:
        """Nobody listens any more."""
        self.closed = True
        self.wake()

    @property
    def is_idle(self) -> bool:
        """Whether it waits, and nothing has happened that it does not know."""
        return self._waiting is not None and not self._woken

    async def wait(self) -> None:
        """Wait until it is woken. Returns at once if it was woken since the last wait."""
        if not self._woken:
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        self._woken = False


class Hub:
    """One for each process. `wake` and `close` may be called from any thread, the rest in the loop.

    `poll`: seconds between looks for commits of other processes.
    """

    def __init__(self, reads: EventReads, *, poll: float = POLL_SECONDS) -> None:
        self.closed = False
        self._reads = reads
        self._poll = poll
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="events")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._following: asyncio.Task[None] | None = None
        self._beating: asyncio.Task[None] | None = None
        self._ring: Ring | None = None
        self._everything: set[Listener] = set()
        self._by_execution: dict[str, set[Listener]] = {}

    @property
    def listeners(self) -> int:
        return len(self._everything) + sum(map(len, self._by_execution.values()))

    def wake(self) -> None:
        """Something was committed."""
        self._in_loop(self._changed.set)

    def close(self) -> None:
        """End all streams and polls; those that come from now on end at once."""
        self.closed = True
        self._in_loop(self._wake_all)

    def _in_loop(self, act: Callable[[], None]) -> None:
        loop = self._loop
        if loop is not None:
            try:
                loop.call_soon_threadsafe(act)
            except RuntimeError:  # the loop is closed: nobody listens
                self._loop = None

    async def in_thread(self, act: Callable[[], T]) -> T:
        """Read from the database without blocking the loop, and few at a time."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, act)

    async def newest(self) -> int:
        """The `seq` of what was committed last."""
        return await self.in_thread(self._reads.last_seq)

    @contextmanager
    def listening(self, execution_id: str | None = None, *, after: int = 0) -> Iterator[Listener]:
        """Listen to all events, or to one execution, from the position `after` on."""
        listener = Listener(execution_id, after)
        loop = asyncio.get_running_loop()
        if execution_id is None:
            self._everything.add(listener)
        else:
            self._by_execution.setdefault(execution_id, set()).add(listener)
        self._start(loop)
        try:
            yield listener
        finally:
            if execution_id is None:
                self._everything.discard(listener)
            else:
                same = self._by_execution[execution_id]
                same.discard(listener)
                if not same:
                    del self._by_execution[execution_id]

    async def after(self, listener: Listener) -> Batch:
        """The events that follow the listener's position, which moves behind them."""
        ring = self._ring
        if ring is not None and listener.position >= ring.floor:
            batch = ring.after(listener.position)
            if listener.execution_id is not None:
                batch = batch.only(lambda event: event.execution_id == listener.execution_id)
            listener.position = max(listener.position, ring.head)
            return batch
        known = listener.position if ring is None else ring.head
        read = partial(
            self._reads.events_after,
            listener.position,
            _CATCH_UP_AT_ONCE,
            execution_id=listener.execution_id,
        )
        events = await self.in_thread(read)
        if len(events) == _CATCH_UP_AT_ONCE:
            known = 0
        listener.position = max(listener.position, known, events[-1].seq if events else 0)
        return Batch([encoded(event) for event in events])

    # --- the two tasks that run while somebody listens ----------------------------------------

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        moved = self._loop is not loop
        self._loop = loop
        if moved or self._following is None or self._following.done():
            self._ring = None
            self._changed = asyncio.Event()
            self._following = loop.create_task(self._follow())
        if moved or self._beating is None or self._beating.done():
            self._beating = loop.create_task(self._beat())

    async def _follow(self) -> None:
        """Read what is committed, and wake those that it concerns."""
        failing = False
        while self.listeners and not self.closed:
            try:
                await self._read_on()
                failing = False
            except Exception as error:  # the edge of this task: it goes on
                if not is_outage(error):
                    log.exception("events.failed")
                elif not failing:
                    log.warning("events.unreadable", extra={"error": type(error).__name__})
                failing = True
                await asyncio.sleep(OUTAGE_SECONDS)

    async def _read_on(self) -> None:
        if self._ring is None:
            self._ring = Ring(await self.newest())
            self._wake_all()
        page = await self.in_thread(partial(self._reads.log_after, self._ring.head, _ROWS_AT_ONCE))
        self._publish(self._ring, page)
        if page.events:
            await self._leave_time()
        if not page.is_full:
            await self._wait_for_commit()

    def _publish(self, ring: Ring, page: LogPage) -> None:
        ring.extend(page.events, head=page.last_seq)
        for execution_id in page.execution_ids:
            for listener in self._by_execution.get(execution_id, ()):
                listener.wake()
        if page.events:
            for listener in self._everything:
                listener.wake()

    async def _leave_time(self) -> None:
        """Let the streams write, then leave as much time for other requests.

        What is committed meanwhile goes out together, so a thousand streams share the load.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(min(loop.time() - began, LONGEST_PAUSE))

    async def _wait_for_commit(self) -> None:
        try:
            async with asyncio.timeout(self._poll):
                await self._changed.wait()
        except TimeoutError:
            pass
        self._changed.clear()

    async def _beat(self) -> None:
        """Keep idle listeners within the ring, and wake those that are due a heartbeat."""
        while self.listeners and not self.closed:
            await asyncio.sleep(BEAT_SECONDS)
            due = asyncio.get_running_loop().time() - HEARTBEAT_SECONDS
            ring = self._ring
            for listener in self._all():
                if ring is not None and listener.is_idle and listener.position >= ring.floor:
                    listener.position = max(listener.position, ring.head)
                if listener.quiet_since <= due:
                    listener.wake()

    def _all(self) -> list[Listener]:
        return [*self._everything, *(each for some in self._by_execution.values() for each in some)]

    def _wake_all(self) -> None:
        self._changed.set()
        for listener in self._all():
            listener.wake()
