"""What protects the API, and whether its port is free."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from bot.doctor.database_file import missing_file
from bot.findings import Finding, failed, good, warning
from bot.settings import Settings, is_loopback
from storage.db.database import SystemClock
from storage.db.engines import DriverMissing, normalize_url, open_engine
from storage.errors import CountersignError
from storage.token_manager import TokenManager

_MAKE_ONE: Final = "Make one with `countersign tokens create --scopes execute,read,decide`."


def check_rest(settings: Settings) -> Iterator[Finding]:
    address = f"{settings.host} port {settings.port}"
    in_use = False
    with suppress(OSError), socket.create_connection((settings.host, settings.port), timeout=1):
        in_use = True
    if in_use:
        yield warning(
            "REST",
            f"{address} is already in use, perhaps by the bot itself",
            "If another program uses it, stop that program or set HITL_BACKEND_PORT.",
        )
    made, valid = _tokens(settings)
    if made:
        yield _with_tokens(address, valid)
    elif not settings.on_loopback:
        yield failed(
            "REST",
            f"{address} can be reached from other machines, and no token was made: the bot does "
            "not start",
            _MAKE_ONE,
        )
    else:
        yield from _without_tokens(settings, address)
    yield from _check_public_url(settings)


def _with_tokens(address: str, valid: int) -> Finding:
    if not valid:
        return warning(
            "REST",
            f"on {address} every request needs a token, and none is valid any more",
            _MAKE_ONE,
        )
    valid_ones = "1 token is valid" if valid == 1 else f"{valid} tokens are valid"
    return good("REST", f"on {address} every request needs a token; {valid_ones}")


def _without_tokens(settings: Settings, address: str) -> Iterator[Finding]:
    yield warning(
        "REST",
        f"on {address} it needs no token: every program on this machine may decide everything, "
        'and is recorded as "unauthenticated loopback"',
        "Run the bot where only people you trust can run programs, and without a proxy in front, "
        "or make a token with `countersign tokens create`.",
    )
    if settings.public_url is not None or settings.trusted_proxies or settings.root_path:
        yield warning(
            "REST",
            "the settings name a proxy, and no token was made: whoever reaches the proxy may "
            "decide everything if it passes more than /slack/events",
            _MAKE_ONE,
        )


def _check_public_url(settings: Settings) -> Iterator[Finding]:
    parts = urlsplit(settings.public_url or "")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        yield warning(
            "REST",
            f"{settings.public_url} is not encrypted: tokens can be read on the way",
            "Let a proxy serve HTTPS, and set COUNTERSIGN_PUBLIC_URL to its https:// address.",
        )


def _tokens(settings: Settings) -> tuple[int, int]:
    """How many tokens were made and how many are valid; none if the database cannot be read."""
    url = make_url(normalize_url(settings.database_url.get_secret_value()))
    if missing_file(url) is not None:
        return 0, 0
    try:
        engine = open_engine(url.render_as_string(hide_password=False))
        try:
            made = TokenManager(engine, clock=SystemClock()).made()
        finally:
            engine.dispose()
    except (SQLAlchemyError, CountersignError, DriverMissing, ImportError):
        return 0, 0  # `check_database` reports it, or the schema is older
    now = SystemClock().now()
    return len(made), sum(token.is_valid(now) for token in made)
