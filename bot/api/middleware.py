"""What every request passes before it reaches a route, from the outside to the inside."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from bot.api.authentication import Authentication
from bot.api.guard import Guard
from bot.api.idempotency import Idempotency
from bot.api.paths import RootPath
from bot.api.rate_limiter import RateLimiter
from bot.api.request_sizes import RequestSizes
from bot.api.request_text import RequestText
from bot.api.services import Services
from bot.api.token_cache import TokenCache

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_REQUEST_HEADERS: Final = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
)
_ANSWER_HEADERS: Final = (
    "ETag",
    "Idempotent-Replayed",
    "Location",
    "Retry-After",
    "WWW-Authenticate",
)


def add_middleware(api: FastAPI, services: Services) -> None:
    """Add all of them. Starlette puts the one that is added last outside."""
    config = services.config
    api.add_middleware(Idempotency, keys=services.idempotency_keys, body_limit=config.body_limit)
    api.add_middleware(
        Guard, hosts=config.hosts, origins=config.cors_origins, public_url=config.public_url
    )
    api.add_middleware(
        Authentication,
        tokens=TokenCache(services.tokens),
        limiter=RateLimiter(config.rate_limit),
        loopback=config.loopback,
    )
    api.add_middleware(RequestText)
    api.add_middleware(RequestSizes)
    if config.cors_origins:
        api.add_middleware(
            CORSMiddleware,
            allow_origins=config.cors_origins,
            allow_methods=_METHODS,
            allow_headers=_REQUEST_HEADERS,
            expose_headers=_ANSWER_HEADERS,
        )
    if config.root_path:
        api.add_middleware(RootPath, root_path=config.root_path)
    if config.trusted_proxies:
        from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

        api.add_middleware(
            ProxyHeadersMiddleware,
            trusted_hosts=[str(network) for network in config.trusted_proxies],
        )
