"""Adding up what runs used of each model. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from storage.records import Usage


def total(usages: Iterable[Usage]) -> dict[str, dict[str, int]]:
    """The sum by model. What no part of a model's usage tells is not told of the sum either."""
    sums: dict[str, Counter[str]] = {}
    for usage in usages:
        for model, counts in usage.items():
            sums.setdefault(model, Counter()).update(counts)
    return {model: dict(counts) for model, counts in sums.items()}


def tokens(usage: Usage) -> int:
    """Prompt and completion tokens of all models."""
    return sum(
        counts.get("prompt_tokens", 0) + counts.get("completion_tokens", 0)
        for counts in usage.values()
    )
