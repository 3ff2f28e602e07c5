"""What calls of models cost, from the table that comes with genai-prices. Needs no network.

The same model costs what the host asks that serves it: a price is known only where the host is
one of the table's. Imported by children's code alone: the table takes a moment to load.
"""

from __future__ import annotations

import ipaddress
import re
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit

from genai_prices import Usage
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import Provider

from crew_runner.child.environment import OFFLINE_MODEL

_MICRO: Final = Decimal(1_000_000)
_TABLE: Final = get_snapshot()

_OWN_HOSTS: Final = {
    "openai": "openai",
    "anthropic": "anthropic",
    "claude": "anthropic",
    "gemini": "google",
    "google": "google",
    "openrouter": "openrouter",
}
"""CrewAI's providers that are asked at their own address where none is named, as the table
calls them."""


def microdollars(
    model: str,
    *,
    provider: str,
    base_url: str | None,
    prompt_tokens: int,
    completion_tokens: int,
    cached_tokens: int = 0,
    cache_written_tokens: int = 0,
) -> int | None:
    """The price of one call in millionths of a dollar; None where it is not known.

    `provider` is CrewAI's name, empty where nobody knows; `base_url` where the call went, if it
    was not the provider's own address. Cached tokens are a part of the prompt's. A call of which
    no tokens are told has no price.
    """
    bare = model.removeprefix(f"{provider}/").removeprefix("models/")
    if bare == OFFLINE_MODEL and _is_on_this_machine(base_url):
        return 0
    served_by = _served_by(provider, base_url)
    if served_by is None or prompt_tokens + completion_tokens <= 0:
        return None
    cached = min(max(0, cached_tokens), prompt_tokens)
    used = Usage(
        input_tokens=prompt_tokens,
        output_tokens=completion_tokens,
        cache_read_tokens=cached,
        cache_write_tokens=min(max(0, cache_written_tokens), prompt_tokens - cached),
    )
    # At a router's address `openai/…` is the model's name; at OpenAI's own it is CrewAI's prefix.
    names = dict.fromkeys((model, bare))
    return next(
        (p for p in (_price(name, served_by, used) for name in names) if p is not None), None
    )


def _price(name: str, served_by: Provider, used: Usage) -> int | None:
    try:
        priced = _TABLE.calc(used, name, served_by.id, None, None)
    except (LookupError, ValueError):
        return None
    has = vars(priced.model_price)
    if has.get("input_mtok") is None or has.get("output_mtok") is None:
        return None  # it is billed by something else than tokens, or nobody wrote its price down
    return round(priced.total_price * _MICRO)


def _served_by(provider: str, base_url: str | None) -> Provider | None:
    if not base_url:
        own = _OWN_HOSTS.get(provider)
        return None if own is None else _TABLE.find_provider(None, own, None)
    for known in _TABLE.providers:
        found = re.match(known.api_pattern, base_url)
        if found is not None and _ends_at_a_boundary(base_url, found.end()):
            return known
    return None


def _ends_at_a_boundary(url: str, end: int) -> bool:
    """Whether a pattern took the whole host, and not the beginning of a longer one."""
    return url[end : end + 1] in ("", "/", ":", "?") or url[end - 1] in "./"


def _is_on_this_machine(base_url: str | None) -> bool:
    host = urlsplit(base_url or "").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
