"""The URLs of webhooks: what they may look like, and what can be refused without looking them up.

Names are looked up, and their addresses checked, when a connection is made: see `connections`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from bot.webhooks.addresses import Address, AllowedAddresses, literal

MAX_LENGTH: Final = 2048

_PORTS: Final = {"http": 80, "https": 443}
_UNPRINTABLE: Final = re.compile(r"[\x00-\x20\x7f\\]")
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_SAFE: Final = "/!$&'()*+,;=:@-._~%?"


class BadTarget(ValueError):
    """The URL may not be called. The message says why, without its path and query."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in its parts, as the request is made from them. `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """For the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def address(self) -> Address | None:
        """The address, if the URL has no name in its place."""
        return literal(self.host)


def parse_target(url: str) -> Target:
    """Take a URL apart. Raises BadTarget."""
    if len(url) > MAX_LENGTH:
        raise BadTarget(f"must have at most {MAX_LENGTH} characters")
    if _UNPRINTABLE.search(url):
        raise BadTarget("must not contain spaces, backslashes or control characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadTarget("is no URL") from None
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not parts.netloc:
        raise BadTarget("must begin with http:// or https://")
    if "@" in parts.netloc:
        raise BadTarget("must not contain a user name or a password")
    if port == 0:
        raise BadTarget("must not name port 0")
    try:
        path = quote(parts.path or "/", safe=_SAFE)
        query = f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
    except UnicodeEncodeError:
        raise BadTarget("must not contain halves of surrogate pairs") from None
    return Target(scheme, _host(parts.hostname or ""), port or _PORTS[scheme], path + query)


def check_target(url: str, allowed: AllowedAddresses) -> Target:
    """Refuse a URL that leads to a forbidden address as far as that is written in it.

    Raises BadTarget.
    """
    target = parse_target(url)
    if target.address is not None and target.address not in allowed:
        raise BadTarget(refusal(target.host))
    if _is_localhost(target.host) and not any(n.is_loopback for n in allowed.networks):
        raise BadTarget(refusal(target.host))
    return target


def refusal(host: str) -> str:
    return (
        f"{host} is not a public address: the operator can allow it with COUNTERSIGN_WEBHOOK_ALLOW"
    )


def without_query(url: str) -> str:
    """The URL to show: its query may hold a secret."""
    shown, query, _ = url.partition("?")
    return f"{shown}?…" if query else shown


def _host(host: str) -> str:
    """The host as it is looked up and shown to TLS: ASCII, without a trailing dot."""
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError:
            raise BadTarget("has a host name that is not allowed") from None
    host = host.lower().removesuffix(".")
    if not _HOST.fullmatch(host):
        raise BadTarget("has a host name that is not allowed")
    return host


def _is_localhost(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")
