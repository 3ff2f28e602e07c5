"""Connections to receivers: the address is checked that is really connected.

A name is looked up once, right before the connection, and the connection is made to an address that
was checked. So a name that changes its address in between leads nowhere, and the name stays what
the header `Host` and TLS say. Proxies of the environment are not used: behind one, the address
could not be checked.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any, Final, TypeAlias

import httpcore

from bot.webhooks.addresses import AllowedAddresses, literal, parse_resolved
from bot.webhooks.targets import refusal

Resolve: TypeAlias = Callable[[str, int], Awaitable[tuple[str, ...]]]
"""Returns the addresses of a host."""

_MOST_CONNECTIONS: Final = 256
_IDLE_SECONDS: Final = 20.0


class RefusedAddress(Exception):
    """The host has only addresses that webhooks may not be sent to."""

    def __init__(self, host: str) -> None:
        super().__init__(refusal(host))


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to allowed addresses only."""

    def __init__(self, allowed: AllowedAddresses, resolve: Resolve | None = None) -> None:
        self._allowed = allowed
        self._resolve = resolve or _resolve
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises RefusedAddress, and ConnectError if no allowed address answers."""
        written = literal(host)
        texts = (str(written),) if written is not None else await self._resolve(host, port)
        allowed = [each for each in parse_resolved(texts) if each in self._allowed]
        if not allowed:
            raise RefusedAddress(host)
        error: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in allowed:
            try:
                return await self._backend.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failure:
                error = failure
        raise error or httpcore.ConnectError("no address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002  # httpcore's signature
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002  # httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        raise RefusedAddress(path)

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


async def _resolve(host: str, port: int) -> tuple[str, ...]:
    """Ask the system's resolver, in a thread for which nobody waits at the end: it may hang."""
    loop = asyncio.get_running_loop()
    addresses: asyncio.Future[tuple[str, ...]] = loop.create_future()

    def settle(entries: tuple[str, ...], error: OSError | None) -> None:
        if addresses.done():  # it took too long
            return
        if error is None:
            addresses.set_result(entries)
        else:
            reason = f"{host} cannot be looked up: {error.strerror}"
            addresses.set_exception(httpcore.ConnectError(reason))

    def ask() -> None:
        entries: tuple[str, ...] = ()
        failure: OSError | None = None
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            entries = tuple(str(address[0]) for *_, address in answers)
        except (OSError, UnicodeError) as error:
            failure = error if isinstance(error, OSError) else OSError(0, "the name is not allowed")
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, entries, failure)

    threading.Thread(target=ask, name="webhooks-look-up", daemon=True).start()
    return await addresses


def pool(
    allowed: AllowedAddresses,
    *,
    resolve: Resolve | None = None,
    context: ssl.SSLContext | None = None,
) -> httpcore.AsyncConnectionPool:
    return httpcore.AsyncConnectionPool(
        ssl_context=context or ssl.create_default_context(),
        max_connections=_MOST_CONNECTIONS,
        max_keepalive_connections=_MOST_CONNECTIONS // 4,
        keepalive_expiry=_IDLE_SECONDS,
        network_backend=CheckedBackend(allowed, resolve),
    )
