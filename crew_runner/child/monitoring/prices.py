"""The cost of model calls, from the table of genai-prices. Needs no network.

The price depends on the host that serves the model, so it is known only for hosts in the table.
Imported only in children, because the table takes a moment to load.
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

from ..environment import OFFLINE_MODEL

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
"""CrewAI's providers with a default address, and their ids in the table."""


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
    """The price of one call in millionths of a dollar, or None if it is not known.

    `provider` is CrewAI's name for it, or empty if unknown; `base_url` is the address of the call,
    unless it was the provider's default. Cached tokens are included in the prompt's. A call without
    a token count has no price.
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
    # `openai/…` is the model's name at a router's address, and CrewAI's prefix at OpenAI's own.
    names = dict.fromkeys((model, bare))
    return next(
        (p for p in (_price(name, served_by, used) for name in names) if p is not None), None
    )


def _price(name: str, served_by: Provider, used: Usage) -> int | None:
    try:
        priced = _TABLE.calc(used, name, served_by.id, None, None)
    except (LookupError, ValueError):
        return None
    price_fields = vars(priced.model_price)
    if price_fields.get("input_mtok") is None or price_fields.get("output_mtok") is None:
        return None  # not billed by tokens, or its price is missing
    return round(priced.total_price * _MICRO)


def _served_by(provider: str, base_url: str | None) -> Provider | None:
    if not base_url:
        provider_id = _OWN_HOSTS.get(provider)
        return None if provider_id is None else _TABLE.find_provider(None, provider_id, None)
    for provider_entry in _TABLE.providers:
        match = re.match(provider_entry.api_pattern, base_url)
        if match is not None and _ends_at_a_boundary(base_url, match.end()):
            return provider_entry
    return None


def _ends_at_a_boundary(url: str, end: int) -> bool:
    """Whether a pattern matched the whole host rather than the start of a longer one."""
    return url[end : end + 1] in ("", "/", ":", "?") or url[end - 1] in "./"


def _is_on_this_machine(base_url: str | None) -> bool:
    host = urlsplit(base_url or "").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
