"""The hub: reads new events once, and wakes the streams and pollers that wait for them.

While somebody listens, a thread reads what is committed and hands it to the event loop of the HTTP
server. A commit of this process wakes it; it finds those of other processes by polling. Streams
have a position, not a buffer: what they have not sent yet is in the ring, or in the database. So a
slow client costs no memory.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final, TypeVar

from bot.api.live.ring import SIZE, Batch, Ring, encoded
from storage.db.database import is_outage
from storage.event_reads import EventReads, LogPage

log = logging.getLogger(__name__)

T = TypeVar("T")

POLL_SECONDS: Final = 0.1
"""Seconds between looks at what other processes have committed."""

BEAT_SECONDS: Final = 1.0
HEARTBEAT_SECONDS: Final = 15.0

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


class _Session:
    """What the hub has while somebody listens. The reader's thread has only the two events."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.ring: Ring | None = None
        self.changed = threading.Event()
        self.taken = threading.Event()
        self.busy_seconds = 0.0
        self.beat_at = 0.0


class Hub:
    """One for each process. `wake` and `close` may be called from any thread, the rest in the loop.

    `poll`: seconds between looks for commits of other processes. `heartbeat`: seconds after which
    a client that has heard nothing hears that the connection lives. `size`: events in memory.
    """

    def __init__(
        self,
        reads: EventReads,
        *,
        poll: float = POLL_SECONDS,
        heartbeat: float = HEARTBEAT_SECONDS,
        size: int = SIZE,
    ) -> None:
        self.heartbeat = heartbeat
        self.closed = False
        self.listeners = 0
        self._reads = reads
        self._poll = poll
        self._size = size
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="events")
        self._lock = threading.Lock()
        self._session: _Session | None = None
        self._everything: set[Listener] = set()
        self._by_execution: dict[str, set[Listener]] = {}

    def wake(self) -> None:
        """Something was committed."""
        session = self._session
        if session is not None:
            session.changed.set()

    def close(self) -> None:
        """End all streams and polls; those that come from now on end at once."""
        self.closed = True
        session = self._session
        if session is not None:
            session.changed.set()
            with suppress(RuntimeError):  # the loop is closed: nobody listens
                session.loop.call_soon_threadsafe(self._wake_all)

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
        if execution_id is None:
            self._everything.add(listener)
        else:
            self._by_execution.setdefault(execution_id, set()).add(listener)
        self._start(asyncio.get_running_loop())
        try:
            yield listener
        finally:
            with self._lock:
                self.listeners -= 1
            if execution_id is None:
                self._everything.discard(listener)
            else:
                same = self._by_execution[execution_id]
                same.discard(listener)
                if not same:
                    del self._by_execution[execution_id]

    async def after(self, listener: Listener) -> Batch:
        """The events that follow the listener's position, which moves behind them."""
        ring = None if self._session is None else self._session.ring
        if ring is not None and listener.position >= ring.floor:
            batch = ring.after(listener.position)
            if listener.execution_id is not None:
                batch = batch.only(lambda event: event.execution_id == listener.execution_id)
            listener.position = max(listener.position, ring.head)
            return batch
        complete_to = listener.position if ring is None else ring.head
        read = partial(
            self._reads.events_after,
            listener.position,
            _CATCH_UP_AT_ONCE,
            execution_id=listener.execution_id,
        )
        events = await self.in_thread(read)
        if len(events) == _CATCH_UP_AT_ONCE:
            complete_to = 0
        listener.position = max(listener.position, complete_to, events[-1].seq if events else 0)
        return Batch([encoded(event) for event in events])

    # --- the reader's thread, while somebody listens ------------------------------------------

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            self.listeners += 1
            if self._session is not None and self._session.loop is loop:
                return
            session = self._session = _Session(loop)
        follow = partial(self._follow, session)
        threading.Thread(target=follow, name="event-reader", daemon=True).start()

    def _is_over(self, session: _Session) -> bool:
        with self._lock:
            if session is self._session and (not self.listeners or self.closed):
                self._session = None
            return session is not self._session

    def _follow(self, session: _Session) -> None:
        """Read what is committed, and hand it to the loop."""
        head: int | None = None
        handed_over_at = 0.0
        failing = False
        while not self._is_over(session):
            session.changed.clear()
            try:
                page = self._read(head)
                failing = False
            except Exception as error:  # the edge of this thread
                if not is_outage(error):
                    log.exception("events.failed")
                elif not failing:
                    log.warning("events.unreadable", extra={"error": type(error).__name__})
                failing = True
                page = None
            beat = time.monotonic() - handed_over_at >= BEAT_SECONDS
            if beat or (page is not None and page.last_seq != head):
                handed_over_at = time.monotonic()
                if not self._hand_over(session, page):
                    return
            if page is None:
                session.changed.wait(OUTAGE_SECONDS)
            else:
                head = page.last_seq
                if not page.is_full:
                    session.changed.wait(self._poll)

    def _read(self, head: int | None) -> LogPage:
        if head is None:
            return LogPage((), frozenset(), self._reads.last_seq(), is_full=True)
        return self._reads.log_after(head, _ROWS_AT_ONCE)

    def _hand_over(self, session: _Session, page: LogPage | None) -> bool:
        """Let the streams write, then leave the loop as much time for other requests.

        What is committed meanwhile goes out together, so a thousand streams share the load.
        Returns whether the loop still runs.
        """
        session.taken.clear()
        try:
            session.loop.call_soon_threadsafe(self._take, session, page)
        except RuntimeError:
            return False
        while not session.taken.wait(BEAT_SECONDS):
            if session.loop.is_closed():
                return False
        time.sleep(min(session.busy_seconds, LONGEST_PAUSE))
        return True

    # --- its part in the loop -----------------------------------------------------------------

    def _take(self, session: _Session, page: LogPage | None) -> None:
        began = time.thread_time()
        if page is not None:
            self._publish(session, page)
        self._beat(session)

        def written() -> None:
            session.busy_seconds = time.thread_time() - began
            session.taken.set()

        # Woken streams run after the next pass of the loop, and before the one after it.
        session.loop.call_soon(session.loop.call_soon, written)

    def _publish(self, session: _Session, page: LogPage) -> None:
        if session.ring is None:
            session.ring = Ring(page.last_seq, size=self._size)
            self._wake_all()
            return
        session.ring.extend(page.events, head=page.last_seq)
        for execution_id in page.execution_ids:
            for listener in self._by_execution.get(execution_id, ()):
                listener.wake()
        if page.events:
            for listener in self._everything:
                listener.wake()

    def _beat(self, session: _Session) -> None:
        """Keep idle listeners within the ring, and wake those that are due a heartbeat."""
        now = time.monotonic()
        if now - session.beat_at < BEAT_SECONDS:
            return
        session.beat_at = now
        ring = session.ring
        for listener in self._all():
            if ring is not None and listener.is_idle and listener.position >= ring.floor:
                listener.position = max(listener.position, ring.head)
            if listener.quiet_since <= now - self.heartbeat:
                listener.wake()

    def _all(self) -> list[Listener]:
        return [*self._everything, *(each for some in self._by_execution.values() for each in some)]

    def _wake_all(self) -> None:
        for listener in self._all():
            listener.wake()
