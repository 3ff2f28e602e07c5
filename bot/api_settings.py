"""The settings of how clients reach the API, and how often they may call it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class RequestRate:
    """So many requests in so many seconds."""

    requests: int
    seconds: int


_RATE: Final = re.compile(r"(?P<requests>[0-9]{1,9})\s*/\s*(?P<unit>second|minute|hour)")
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600}
DEFAULT_RATE: Final = RequestRate(6000, 60)


def _rate(text: object) -> RequestRate | None:
    """`600/minute`; `0` is no limit."""
    if isinstance(text, RequestRate):
        return text
    if isinstance(text, str) and text.strip() == "0":
        return None
    match = _RATE.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError("must be like 600/minute (or /second, /hour), or 0 for no limit")
    requests = int(match["requests"])
    return RequestRate(requests, _SECONDS[match["unit"]]) if requests else None


def _root_path(text: object) -> str:
    """A prefix without its last slash."""
    path = str(text).strip().rstrip("/")
    if path and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", path):
        raise ValueError("must be a path such as /countersign")
    return path


def _public_url(text: object) -> str:
    url = str(text).strip().rstrip("/")
    if _http(url) is None or "?" in url or "#" in url:
        raise ValueError("must be a URL such as https://countersign.example.com")
    return url


def _origins(text: object) -> tuple[str, ...]:
    origins = [origin.rstrip("/").lower() for origin in _parts(text)]
    for origin in origins:
        parts = _http(origin)
        if parts is None or origin != f"{parts.scheme}://{parts.netloc}":
            raise ValueError(
                "must be origins such as https://app.example.com, separated by commas; * is not "
                "one, because it would let every web page in"
            )
    return tuple(origins)


def _networks(text: object) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part, strict=False) for part in _parts(text))
    except ValueError:
        raise ValueError(
            "must be addresses or networks such as 10.0.0.0/8, separated by commas"
        ) from None


def _parts(text: object) -> list[str]:
    """The parts of a list with commas. The default, which is validated as well, has none."""
    parts = text.split(",") if isinstance(text, str) else []
    return [part.strip() for part in parts if part.strip()]


def _http(url: str) -> SplitResult | None:
    """The parts of an http or https URL with a host and without a user."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if valid and "@" not in parts.netloc else None


class ApiSettings(BaseSettings):
    rate_limit: Annotated[RequestRate | None, NoDecode, BeforeValidator(_rate)] = Field(
        DEFAULT_RATE, validation_alias="COUNTERSIGN_RATE_LIMIT"
    )
    root_path: Annotated[str, BeforeValidator(_root_path)] = Field(
        "", validation_alias="COUNTERSIGN_ROOT_PATH"
    )
    public_url: Annotated[str, BeforeValidator(_public_url)] | None = Field(
        None, validation_alias="COUNTERSIGN_PUBLIC_URL"
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_origins)] = Field(
        (), validation_alias="COUNTERSIGN_CORS_ORIGINS"
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)] = Field(
        (), validation_alias="COUNTERSIGN_TRUSTED_PROXIES"
    )
