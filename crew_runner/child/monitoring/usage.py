"""Adds up usage in the child, by the rules of `storage.usage`. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ..records import Usage

_MAX_COUNT: Final = 10**15
"""Higher counts are capped, because a program may report anything."""


@dataclass(frozen=True, slots=True)
class Cost:
    """In millionths of a dollar; None if no price is known. `unknown`: models without a price."""

    microdollars: int | None
    unknown: tuple[str, ...] = ()


def total(usages: Iterable[Usage]) -> dict[str, dict[str, int]]:
    """The sum by model. If only some parts have a price, the others count as unpriced."""
    totals: dict[str, Counter[str]] = {}
    parts = [(model, counts) for usage in usages for model, counts in usage.items()]
    priced = {model for model, counts in parts if "microdollars" in counts}
    for model, counts in parts:
        added = totals.setdefault(model, Counter())
        added.update({name: _clamp(count) for name, count in counts.items()})
        if model in priced and not counts.keys() & {"microdollars", "unpriced_calls"}:
            added["unpriced_calls"] += max(1, _clamp(counts.get("calls", 0)))
    return {model: dict(counts) for model, counts in totals.items()}


def tokens(usage: Usage) -> int:
    """Prompt and completion tokens of all models."""
    return sum(map(tokens_of, usage.values()))


def tokens_of(counts: Mapping[str, int]) -> int:
    """Prompt and completion tokens of one model, or their sum if only that is known."""
    parts = [counts[name] for name in ("prompt_tokens", "completion_tokens") if name in counts]
    return sum(map(_clamp, parts or [counts.get("total_tokens", 0)]))


def is_lower_bound(usage: Usage) -> bool:
    """Whether some calls reported no tokens, so that the real usage is higher."""
    return any(counts.get("uncounted_calls", 0) > 0 for counts in usage.values())


def cost(usage: Usage) -> Cost:
    priced_counts = [_clamp(c["microdollars"]) for c in usage.values() if "microdollars" in c]
    unknown = (
        model or "unnamed"
        for model, counts in usage.items()
        if counts.get("unpriced_calls", 0) > 0 or "microdollars" not in counts
    )
    return Cost(sum(priced_counts) if priced_counts else None, tuple(unknown))


def _clamp(count: int) -> int:
    return min(max(0, count), _MAX_COUNT)
