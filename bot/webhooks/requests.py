"""One request of a webhook, from its target to what came of it."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import httpcore

from bot.version import VERSION
from bot.webhooks import signing
from bot.webhooks.addresses import AllowedAddresses
from bot.webhooks.connections import RefusedAddress, Resolve, pool
from bot.webhooks.targets import BadTarget, Target, parse_target
from storage.webhooks import GIVE_UP_AFTER, Attempt, Delivery, Webhook

log = logging.getLogger(__name__)

TIMEOUT: Final = 15.0
"""Seconds for a whole request: look-up, connection, and the beginning of the response."""

MOST_READ: Final = 64 * 1024
"""Bytes of a response that are read. A longer one is cut off, with its connection."""

NO_ANSWER: Final = f"no answer within {TIMEOUT:.0f} s"

_ASKS_TO_WAIT: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


class Requests:
    """Sends requests over its own connections. Use it in one event loop, and close it."""

    def __init__(
        self,
        allowed: AllowedAddresses,
        *,
        resolve: Resolve | None = None,
        context: ssl.SSLContext | None = None,
        now: Callable[[], float] = time.time,
        timeout: float = TIMEOUT,
    ) -> None:
        self._pool = pool(allowed, resolve=resolve, context=context)
        self._now = now
        self._timeout = timeout

    async def close(self) -> None:
        await self._pool.aclose()

    async def send(self, webhook: Webhook, delivery: Delivery, body: str) -> Attempt:
        """Make one attempt. Every failure is an Attempt with its error, in words for operators."""
        status: int | None = None
        try:
            request = self._request(webhook, delivery, body.encode())
            async with asyncio.timeout(self._timeout):
                response = await self._pool.handle_async_request(request)
            status = response.status
            await _read(response)
        except (BadTarget, RefusedAddress) as error:
            return Attempt(delivery, error=str(error))
        except (TimeoutError, httpcore.TimeoutException):
            return Attempt(delivery, error=NO_ANSWER)
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            return Attempt(delivery, error=f"{type(error).__name__}: {_first_line(error)}")
        except Exception as error:
            log.exception("webhooks.failed", extra={"delivery": delivery.id})
            return Attempt(delivery, error=type(error).__name__)
        return _attempt(delivery, status, response.headers, self._now())

    def _request(self, webhook: Webhook, delivery: Delivery, body: bytes) -> httpcore.Request:
        target = parse_target(webhook.url)
        at = int(self._now())
        headers = {
            "Host": target.authority,
            "User-Agent": f"Countersign/{VERSION}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **signing.headers(webhook, delivery, body, at=at),
        }
        return httpcore.Request(
            "POST",
            _url(target),
            headers=[(name.encode(), value.encode()) for name, value in headers.items()],
            content=body,
            extensions={"timeout": dict.fromkeys(("connect", "read", "write"), self._timeout)},
        )


def _url(target: Target) -> httpcore.URL:
    return httpcore.URL(
        scheme=target.scheme.encode(),
        host=target.host.encode(),
        port=target.port,
        target=target.path.encode(),
    )


async def _read(response: httpcore.Response) -> None:
    """Read a short response to its end, so that its connection can be used again."""
    size = 0
    with suppress(TimeoutError, httpcore.TimeoutException, httpcore.NetworkError):
        async with asyncio.timeout(1.0):
            async for chunk in response.aiter_stream():
                size += len(chunk)
                if size > MOST_READ:
                    break
    await response.aclose()


def _attempt(
    delivery: Delivery, status: int, headers: Sequence[tuple[bytes, bytes]], now: float
) -> Attempt:
    if 200 <= status < 300:
        return Attempt(delivery, status)
    wait = _retry_after(headers, now) if status in _ASKS_TO_WAIT else timedelta(0)
    error = f"the receiver answered {status}"
    if 300 <= status < 400:
        error += ": redirects are not followed"
    return Attempt(delivery, status, error, wait, gone=status == HTTPStatus.GONE)


def _retry_after(headers: Sequence[tuple[bytes, bytes]], now: float) -> timedelta:
    """What `Retry-After` says, in seconds or as a date; zero if it makes no sense."""
    text = next(
        (v.decode("latin-1").strip() for n, v in headers if n.lower() == b"retry-after"), ""
    )
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), GIVE_UP_AFTER.total_seconds()))
    with suppress(ValueError, TypeError):
        until = parsedate_to_datetime(text)
        wait = until.replace(tzinfo=until.tzinfo or UTC) - datetime.fromtimestamp(now, UTC)
        return min(max(wait, timedelta(0)), GIVE_UP_AFTER)
    return timedelta(0)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
