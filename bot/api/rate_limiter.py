"""How often a client may call: a moving window for each token, or for each address without one.

Each process counts for itself.
"""

from __future__ import annotations

import ipaddress
import math
import time
from threading import Lock
from typing import TYPE_CHECKING, Final
from zlib import crc32

from starlette.concurrency import run_in_threadpool

from bot.api_settings import RequestRate

if TYPE_CHECKING:
    from limits.storage import MemoryStorage
    from limits.strategies import MovingWindowRateLimiter

_TIDY_SECONDS: Final = 60.0

_NETWORK_OF_A_CLIENT: Final = 64
"""An IPv6 client has a whole /64."""

_ADDRESSES: Final = 1024
"""Addresses are counted in so many groups: `limits` goes through all that it counts a hundred times
a second, and a flood may come from any number of them. Somebody without a token who shares a group
with a flood waits until it is over."""


class RateLimiter:
    """`rate` None: there is no limit."""

    def __init__(self, rate: RequestRate | None) -> None:
        self._rate = rate
        self._lock = Lock()
        self._window: MovingWindowRateLimiter | None = None
        self._storage: MemoryStorage | None = None
        self._tidied_at = time.monotonic()

    async def hit(self, client: str) -> int | None:
        """Count a request. Returns None, or after how many seconds the client may try again."""
        if self._rate is None:
            return None
        if self._window is None:
            await run_in_threadpool(self._load)  # importing `limits` takes a fifth of a second
        return self._count(self._rate, client)

    def _load(self) -> None:
        from limits.storage import MemoryStorage
        from limits.strategies import MovingWindowRateLimiter

        with self._lock:
            if self._window is None:
                self._storage = MemoryStorage()
                self._window = MovingWindowRateLimiter(self._storage)

    def _count(self, rate: RequestRate, client: str) -> int | None:
        from limits import RateLimitItemPerSecond

        assert self._window is not None  # noqa: S101  # `hit` has loaded it
        item = RateLimitItemPerSecond(rate.requests, rate.seconds)
        self._tidy()
        if self._window.hit(item, client):
            return None
        reset_at = self._window.get_window_stats(item, client).reset_time
        return max(1, math.ceil(reset_at - time.time()))

    def _tidy(self) -> None:
        """Forget the clients that are gone: the storage keeps an empty list for each."""
        now = time.monotonic()
        if now - self._tidied_at > _TIDY_SECONDS and self._storage is not None:
            self._tidied_at = now
            for key in [key for key, hits in self._storage.events.items() if not hits]:
                self._storage.clear(key)


def group_of(address: str) -> str:
    """The group in which the rate limit counts this address."""
    return f"address {crc32(_client_of(address).encode()) % _ADDRESSES}"


def _client_of(address: str) -> str:
    """The client at this address."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, _NETWORK_OF_A_CLIENT), strict=False))
