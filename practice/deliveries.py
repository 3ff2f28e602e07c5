"""Handing payloads to the bot: once for what a person waits on, again and again for events.

Commands and interactions get one try of three seconds, and the person is told when it
fails. Events are tried again after each of `retry_after`, with the attempt's number and
the reason, until the bot answers or the tries are used up.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Protocol

from practice.records import Json
from practice.traffic import Traffic

ACK_SECONDS = 3.0
KEPT = 20_000
RETRY_AFTER = (0.0, 60.0, 300.0)


@dataclass
class Ack:
    """How one try ended. `problem` is None when the bot took the payload."""

    status: int
    body: object = None
    problem: str | None = None
    no_retry: bool = False

    @property
    def ok(self) -> bool:
        return self.problem is None


@dataclass
class Delivery:
    """One payload and every try to hand it over."""

    seq: int
    kind: str  # slash_commands, interactive, events_api
    name: str
    payload: Json
    attempts: list[Ack] = field(default_factory=list)

    @property
    def taken(self) -> bool:
        return any(attempt.ok for attempt in self.attempts)


class Transport(Protocol):
    """A way to the bot: its sockets, or its request URL."""

    @property
    def connected(self) -> bool: ...

    async def push(
        self, delivery: Delivery, *, attempt: int, reason: str | None, timeout: float
    ) -> Ack:
        """Hand over one payload and wait for the answer; never raises."""
        ...


class Deliveries:
    """Sends payloads, keeps them all, and can send any of them again."""

    def __init__(self, transport: Transport, traffic: Traffic) -> None:
        self.transport = transport
        self._traffic = traffic
        self.sent: deque[Delivery] = deque(maxlen=KEPT)
        self._count = 0
        self.retry_after: tuple[float, ...] = RETRY_AFTER
        self.ack_seconds = ACK_SECONDS
        self.delay: dict[str, float] = {}
        self.duplicate: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, kind: str, name: str, payload: Json) -> Ack:
        """Deliver something that a person waits for: one try."""
        delivery = self._new(kind, name, payload)
        await self._wait(kind)
        if kind in self.duplicate:
            self._later(self._again(delivery))
        return await self._try(delivery, attempt=0, reason=None)

    def announce(self, name: str, payload: Json) -> Delivery:
        """Deliver an event in the background, with retries."""
        delivery = self._new("events_api", name, payload)
        self._later(self._announce(delivery))
        if "events_api" in self.duplicate:
            self._later(self._again(delivery))
        return delivery

    async def redeliver(self, seq: int, *, reason: str = "http_timeout") -> Ack:
        """Send an earlier delivery once more, as Slack does when it doubts the answer."""
        delivery = next(sent for sent in self.sent if sent.seq == seq)
        return await self._try(
            delivery,
            attempt=len(delivery.attempts),
            reason=reason if delivery.kind == "events_api" else None,
        )

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _new(self, kind: str, name: str, payload: Json) -> Delivery:
        self._count += 1
        delivery = Delivery(self._count, kind, name, payload)
        self.sent.append(delivery)
        return delivery

    async def _wait(self, kind: str) -> None:
        if self.delay.get(kind):
            await asyncio.sleep(self.delay[kind])

    async def _announce(self, delivery: Delivery) -> None:
        await self._wait(delivery.kind)
        ack = await self._try(delivery, attempt=0, reason=None)
        for number, pause in enumerate(self.retry_after, start=1):
            if ack.ok or ack.no_retry:
                return
            await asyncio.sleep(pause)
            ack = await self._try(delivery, attempt=number, reason=ack.problem)

    async def _again(self, delivery: Delivery) -> None:
        reason = "http_timeout" if delivery.kind == "events_api" else None
        await self._try(delivery, attempt=1, reason=reason)

    async def _try(self, delivery: Delivery, *, attempt: int, reason: str | None) -> Ack:
        begun = time.monotonic()
        ack = await self.transport.push(
            delivery, attempt=attempt, reason=reason, timeout=self.ack_seconds
        )
        delivery.attempts.append(ack)
        notes = [f"retry {attempt} ({reason})"] if reason else []
        self._traffic.note(
            direction="to_bot",
            kind=delivery.kind,
            name=delivery.name,
            status=ack.status,
            seconds=time.monotonic() - begun,
            note="; ".join([*notes, *([ack.problem] if ack.problem else [])]),
            sent=delivery.payload,
            answered=ack.body,
        )
        return ack

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
