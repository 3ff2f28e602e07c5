"""Sends webhooks: a thread with an event loop, so that many receivers are called at once.

Several processes may do so on one database. A delivery is leased before its request and settled
after it; if the process dies in between, another one sends the same body with the same id again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from threading import Event, Thread
from typing import Final, TypeVar

from bot.webhooks.bodies import Bodies
from bot.webhooks.requests import NO_ANSWER, Requests
from storage.errors import Busy
from storage.outbox.webhook_queue import Batch, Due, WebhookQueue
from storage.webhooks import Attempt, Delivery, Webhook

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST: Final = 256
PER_HOST: Final = 8
"""Requests at once: in all, and to one host. One that did not answer in time gets one at a time."""

LONGEST_PAUSE: Final = 60.0
"""Seconds for which a host that asks to wait gets nothing at all, whatever it asks for."""

IDLE_SECONDS: Final = 2.0
WAITING_SECONDS: Final = 0.5
"""How often the database is asked: if nothing is queued, and if a delivery waits for its time."""

AFTER_ERROR_SECONDS: Final = 1.0


class WebhookSender:
    """`bodies` make the bodies of each format. `owner` names this process, and `is_dead` says of
    another owner whether its process has certainly ended.

    `connect` makes what sends the requests, in the sender's own thread.
    """

    def __init__(
        self,
        queue: WebhookQueue,
        *,
        bodies: Bodies,
        owner: str,
        connect: Callable[[], Requests],
        is_dead: Callable[[str], bool] = lambda _owner: False,
    ) -> None:
        self._queue = queue
        self._bodies = bodies
        self._owner = owner
        self._connect = connect
        self._is_dead = is_dead
        self._hosts = _Hosts()
        self._done: list[tuple[Attempt, str]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._finished = asyncio.Event()
        self._stopping = Event()
        self._grace = timedelta(0)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="webhooks-database")
        self._thread = Thread(target=self._run, name="webhooks", daemon=True)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Check for deliveries soon. Returns at once, in any thread."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it has just been closed
                loop.call_soon_threadsafe(self._wake.set)

    def stop(self, grace: timedelta) -> None:
        """Let the requests that are under way finish, for at most `grace`."""
        self._grace = grace
        self._stopping.set()
        self.wake()
        if self._thread.ident is not None:
            self._thread.join()
        self._threads.shutdown()

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        requests = self._connect()
        settling = asyncio.create_task(self._settle_all())
        await self._in_thread(self._prepare)
        while not self._stopping.is_set():
            pause = await self._send_due(requests)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            self._wake.clear()
        await self._finish(settling)
        await requests.close()

    def _prepare(self) -> None:
        """Release what a sender of this host had leased that was killed; encrypt old secrets."""
        try:
            dead = [owner for owner in self._queue.lease_owners() if self._is_dead(owner)]
            if dead:
                self._queue.release(dead)
            encrypted = self._queue.encrypt_again()
            if encrypted:
                log.info("webhooks.encrypted", extra={"webhooks": encrypted})
        except Exception:
            log.exception("webhooks.not_prepared")  # leases expire, and old keys go on reading

    async def _send_due(self, requests: Requests) -> float:
        """Start a request for each delivery that is due. Returns how long to wait for more."""
        while not self._stopping.is_set():
            try:
                batch = await self._in_thread(self._take)
            except Busy as error:  # the next pass finds the same rows
                log.warning("webhooks.no_database", extra={"why": str(error)})
                return AFTER_ERROR_SECONDS
            except Exception:
                log.exception("webhooks.not_taken")
                return AFTER_ERROR_SECONDS
            for due in batch.due:
                self._hosts.begin(due.delivery.host)
                task = asyncio.create_task(self._attempt(requests, due))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            if not batch.due:
                return WAITING_SECONDS if batch.waiting else IDLE_SECONDS
        return 0

    def _take(self) -> Batch:
        return self._queue.take(
            self._body, owner=self._owner, most=self._hosts.room_in_all(), room=self._hosts.room
        )

    def _body(self, webhook: Webhook, delivery: Delivery) -> str | None:
        return self._bodies[webhook.format](webhook, delivery)

    async def _attempt(self, requests: Requests, due: Due) -> None:
        attempt = await requests.send(due.webhook, due.delivery, due.body)
        if attempt.error is not None:
            facts = {"delivery": due.delivery.id, "status": attempt.status}
            log.info("webhooks.not_delivered", extra=facts | {"attempt": due.delivery.attempts + 1})
        self._done.append((attempt, due.delivery.host))
        self._finished.set()

    async def _settle_all(self) -> None:
        """Store what came of the attempts, many at once while the database is slow."""
        while True:
            await self._finished.wait()
            self._finished.clear()
            while self._done:
                try:
                    await self._settle_some()
                except Busy as error:
                    log.warning("webhooks.no_database", extra={"why": str(error)})
                    await asyncio.sleep(AFTER_ERROR_SECONDS)
                except Exception:
                    log.exception("webhooks.not_stored")
                    await asyncio.sleep(AFTER_ERROR_SECONDS)

    async def _settle_some(self) -> None:
        some = self._done[:]
        attempts = [attempt for attempt, _ in some]
        settle = partial(self._queue.settle, attempts, owner=self._owner)
        for delivery in await self._in_thread(settle):
            log.warning("webhooks.dead", extra={"delivery": delivery})
        del self._done[: len(some)]
        for attempt, host in some:
            self._hosts.end(host, attempt)
        self._wake.set()  # the next delivery of the same webhook may be due

    async def _finish(self, settling: asyncio.Task[None]) -> None:
        """Wait for the requests under way, then give back those that go on."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._grace.total_seconds())
        for task in [*self._tasks]:
            task.cancel()
        settling.cancel()
        await asyncio.gather(settling, *self._tasks, return_exceptions=True)
        try:
            if self._done:
                await self._settle_some()
            await self._in_thread(partial(self._queue.release, [self._owner]))
        except Exception:
            log.exception("webhooks.not_released")  # their leases expire

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


class _Hosts:
    """How many requests may go where, in this process."""

    def __init__(self) -> None:
        self._under_way: Counter[str] = Counter()
        self._slow: set[str] = set()
        self._paused: dict[str, float] = {}

    def room_in_all(self) -> int:
        return MOST - self._under_way.total()

    def room(self, host: str) -> int:
        if self._paused.get(host, 0.0) > time.monotonic():
            return 0
        return (1 if host in self._slow else PER_HOST) - self._under_way[host]

    def begin(self, host: str) -> None:
        self._under_way[host] += 1

    def end(self, host: str, attempt: Attempt) -> None:
        self._under_way[host] -= 1
        if self._under_way[host] <= 0:
            del self._under_way[host]
        if attempt.error == NO_ANSWER:
            self._slow.add(host)
        else:
            self._slow.discard(host)
        if attempt.retry_after:
            pause = min(attempt.retry_after.total_seconds(), LONGEST_PAUSE)
            self._paused[host] = time.monotonic() + pause
        else:
            self._paused.pop(host, None)
