"""Sums of what runs used of each model, and what it cost. Pure.

A crew's own program reports whatever numbers it likes: each is limited to a sane range.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median_high
from typing import Final

from storage.records import PhaseRun, Usage

_MOST: Final = 10**15
"""The largest count that is believed, from a program that may report anything."""


@dataclass(frozen=True, slots=True)
class Cost:
    """In millionths of a dollar, as far as prices are known; None: no price is known.

    `unknown` are the models whose usage has, at least in part, no known price.
    """

    microdollars: int | None
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a phase usually uses; `microdollars` is None if a price is not known."""

    tokens: int
    microdollars: int | None


def total(usages: Iterable[Usage]) -> dict[str, dict[str, int]]:
    """Return the sums by model. A key that no usage of a model has is not in its sum either.

    If only some usages of a model have a price, the calls of the others count as unpriced.
    """
    sums: dict[str, Counter[str]] = {}
    parts = [(model, counts) for usage in usages for model, counts in usage.items()]
    priced = {model for model, counts in parts if "microdollars" in counts}
    for model, counts in parts:
        model_sum = sums.setdefault(model, Counter())
        model_sum.update({name: _clamped(count) for name, count in counts.items()})
        if model in priced and not counts.keys() & {"microdollars", "unpriced_calls"}:
            model_sum["unpriced_calls"] += max(1, _clamped(counts.get("calls", 0)))
    return {model: dict(counts) for model, counts in sums.items()}


def tokens(usage: Usage) -> int:
    """Return the prompt and completion tokens of all models."""
    return sum(map(tokens_of, usage.values()))


def tokens_of(counts: Mapping[str, int]) -> int:
    """Return the same for one model. A program may report only `total_tokens`."""
    parts = [counts[name] for name in ("prompt_tokens", "completion_tokens") if name in counts]
    return sum(map(_clamped, parts or [counts.get("total_tokens", 0)]))


def is_lower_bound(usage: Usage) -> bool:
    """Whether the counts are lower bounds, because some calls reported no tokens."""
    return any(counts.get("uncounted_calls", 0) > 0 for counts in usage.values())


def cost(usage: Usage) -> Cost:
    prices = [_clamped(c["microdollars"]) for c in usage.values() if "microdollars" in c]
    return Cost(sum(prices) if prices else None, tuple(_unpriced(usage)))


def _unpriced(usage: Usage) -> Iterable[str]:
    for model, counts in usage.items():
        if counts.get("unpriced_calls", 0) > 0 or "microdollars" not in counts:
            yield model or "unnamed"


def _clamped(count: int) -> int:
    return min(max(0, count), _MOST)


def by_phase(runs: Iterable[PhaseRun]) -> dict[int, dict[str, dict[str, int]]]:
    """Return what each phase used over all its tries and revisions, by its index."""
    parts: dict[int, list[Usage]] = {}
    for run in runs:
        parts.setdefault(run.phase_index, []).append(run.usage)
    return {index: total(parts[index]) for index in sorted(parts)}


def estimate(earlier: Sequence[Usage]) -> Estimate | None:
    """Return the median of a phase's earlier runs (newest first), or None if none counted tokens.

    Only runs on the same models as the newest one count: other models use and cost other amounts.
    """
    counted = [usage for usage in earlier if tokens(usage) > 0]
    if not counted:
        return None
    comparable = [usage for usage in counted if usage.keys() == counted[0].keys()]
    costs = [cost(usage) for usage in comparable]
    prices = [c.microdollars for c in costs if c.microdollars is not None and not c.unknown]
    return Estimate(
        tokens=median_high(map(tokens, comparable)),
        microdollars=median_high(prices) if len(prices) == len(comparable) else None,
    )
