"""Delivers payloads to the app: commands and interactions once, events with retries.

A command or interaction gets one attempt of three seconds; if it fails, the person sees
a notice. An event is retried after each delay in `retry_after`, with the retry number
and reason, until the app acknowledges it or no retries are left.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Protocol

from practice.state.records import Json
from practice.traffic import Traffic

ACK_SECONDS = 3.0
MAX_DELIVERIES = 20_000
RETRY_AFTER = (0.0, 60.0, 300.0)


@dataclass
class Ack:
    """The outcome of one attempt. `problem` is None if the app acknowledged the payload."""

    status: int
    body: object = None
    problem: str | None = None
    no_retry: bool = False

    @property
    def ok(self) -> bool:
        return self.problem is None


@dataclass
class Delivery:
    """One payload and all attempts to deliver it."""

    seq: int
    kind: str  # slash_commands, interactive, events_api
    name: str
    payload: Json
    attempts: list[Ack] = field(default_factory=list)

    @property
    def taken(self) -> bool:
        return any(attempt.ok for attempt in self.attempts)


class Transport(Protocol):
    """A connection to the app: its sockets or its request URL."""

    @property
    def connected(self) -> bool: ...

    async def push(
        self, delivery: Delivery, *, attempt: int, reason: str | None, timeout: float
    ) -> Ack:
        """Send one payload and wait for the acknowledgement; never raises."""
        ...


class Deliveries:
    """Sends payloads, keeps them and can send any of them again."""

    def __init__(self, transport: Transport, traffic: Traffic) -> None:
        self.transport = transport
        self._traffic = traffic
        self.sent: deque[Delivery] = deque(maxlen=MAX_DELIVERIES)
        self._count = 0
        self.retry_after: tuple[float, ...] = RETRY_AFTER
        self.ack_seconds = ACK_SECONDS
        self.delay: dict[str, float] = {}
        self.duplicate: set[str] = set()
        self.rewrite: Callable[[str, Json], Json] | None = None
        """Changes each payload of a kind before it is sent, to try shapes that Slack has, too."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def deliver(self, kind: str, name: str, payload: Json) -> Ack:
        """Deliver a command or interaction, for which a person is waiting: one attempt."""
        delivery = self._new(kind, name, payload)
        await self._apply_delay(kind)
        if kind in self.duplicate:
            self._in_background(self._send_duplicate(delivery))
        return await self._attempt(delivery, attempt=0, reason=None)

    def deliver_event(self, name: str, payload: Json) -> Delivery:
        """Deliver an event in the background, with retries."""
        delivery = self._new("events_api", name, payload)
        self._in_background(self._send_with_retries(delivery))
        if "events_api" in self.duplicate:
            self._in_background(self._send_duplicate(delivery))
        return delivery

    async def redeliver(self, seq: int, *, reason: str = "http_timeout") -> Ack:
        """Send an earlier delivery again, as Slack does if it missed the acknowledgement."""
        delivery = next((sent for sent in self.sent if sent.seq == seq), None)
        if delivery is None:
            raise KeyError(f"no delivery {seq}")
        return await self._attempt(
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
        if self.rewrite is not None:
            payload = self.rewrite(kind, payload)
        delivery = Delivery(self._count, kind, name, payload)
        self.sent.append(delivery)
        return delivery

    async def _apply_delay(self, kind: str) -> None:
        if self.delay.get(kind):
            await asyncio.sleep(self.delay[kind])

    async def _send_with_retries(self, delivery: Delivery) -> None:
        await self._apply_delay(delivery.kind)
        ack = await self._attempt(delivery, attempt=0, reason=None)
        for number, delay in enumerate(self.retry_after, start=1):
            if ack.ok or ack.no_retry:
                return
            await asyncio.sleep(delay)
            ack = await self._attempt(delivery, attempt=number, reason=ack.problem)

    async def _send_duplicate(self, delivery: Delivery) -> None:
        reason = "http_timeout" if delivery.kind == "events_api" else None
        await self._attempt(delivery, attempt=1, reason=reason)

    async def _attempt(self, delivery: Delivery, *, attempt: int, reason: str | None) -> Ack:
        started = time.monotonic()
        ack = await self.transport.push(
            delivery, attempt=attempt, reason=reason, timeout=self.ack_seconds
        )
        delivery.attempts.append(ack)
        notes = [f"retry {attempt} ({reason})"] if reason else []
        self._traffic.record(
            direction="to_bot",
            kind=delivery.kind,
            name=delivery.name,
            status=ack.status,
            seconds=time.monotonic() - started,
            note="; ".join([*notes, *([ack.problem] if ack.problem else [])]),
            sent=delivery.payload,
            answered=ack.body,
        )
        return ack

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
