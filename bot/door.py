"""The HTTP door for Slack's requests, as the parts on both sides of it see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class DoorAnswer:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


Door: TypeAlias = Callable[[Mapping[str, str], bytes], DoorAnswer]
"""Takes a request's headers and body. Safe to call from any thread."""
