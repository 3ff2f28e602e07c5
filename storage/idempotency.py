"""What is kept of a request with an idempotency key. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer that the first request with a key got."""

    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class KeyLock:
    """A key that one request has until `until`: others with the same key are refused meanwhile."""

    caller: str
    key: str
    until: datetime
