"""The interface between the HTTP server and the Slack front end, for Slack's requests."""

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
"""Answers one request, given its headers and body. Safe to call from any thread."""
