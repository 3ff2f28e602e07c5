"""The offline drafter with a record of its calls, planned faults and a delay."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from crew_runner.models.drafter import conversation
from crew_runner.models.drafter.openai_protocol import Refusal, Reply
from crew_runner.models.drafter.server import OfflineDrafter


@dataclass(frozen=True, slots=True)
class Call:
    """One request that reached the drafter, answered or refused."""

    task: str
    """The first line of the task, such as `Deliverable: content plan`."""
    revision: int
    """How many rounds of feedback the conversation contains."""
    status: int
    prompt_tokens: int
    completion_tokens: int
    streamed: bool


class WatchedDrafter(OfflineDrafter):
    """Waits `delay` seconds before each answer. `watch` gets the body of every call."""

    def __init__(
        self, *, delay: float = 0.0, watch: Callable[[Mapping[str, Any]], None] | None = None
    ) -> None:
        super().__init__()
        self.delay = delay
        self._watch = watch
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._faults: deque[Refusal] = deque()

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every chat completion requested so far, in order of arrival."""
        with self._lock:
            return tuple(self._calls)

    def fail_next(self, times: int, status: int = 500, *, retry_after: float | None = None) -> None:
        """Refuse the next `times` calls with this status."""
        message = f"Refused with {status} on purpose"
        with self._lock:
            self._faults.extend(
                Refusal(status, message, retry_after=retry_after) for _ in range(times)
            )

    def clear_faults(self) -> None:
        with self._lock:
            self._faults.clear()

    def start(self) -> str:
        self._stopping.clear()
        return super().start()

    def stop(self) -> None:
        self._stopping.set()
        super().stop()

    def reply_to(self, body: dict[str, Any]) -> Reply:
        self._stopping.wait(self.delay)
        if self._watch is not None:
            self._watch(body)
        with self._lock:
            fault = self._faults.popleft() if self._faults else None
        try:
            if fault is not None:
                raise fault
            reply = super().reply_to(body)
        except Refusal as refusal:
            self._record(body, refusal.status, Reply("", 0, 0))
            raise
        self._record(body, 200, reply)
        return reply

    def _record(self, body: Mapping[str, Any], status: int, reply: Reply) -> None:
        messages = body.get("messages")
        whole = (
            [m for m in messages if isinstance(m, Mapping)] if isinstance(messages, list) else []
        )
        request = conversation.read(whole)
        call = Call(
            task=next(iter(request.task.splitlines()), ""),
            revision=len(request.feedback),
            status=status,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            streamed=bool(body.get("stream")),
        )
        with self._lock:
            self._calls.append(call)
