"""Adding up what runs used of each model, and what it cost. Pure.

Beside the keys that Usage names, `uncounted_calls` are calls of which the model's server told no
tokens, and `unpriced_calls` those whose price is not known. A program tells what it likes: what
is no count is not counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median_high
from typing import Final

from storage.records import PhaseRun, Usage

_MOST: Final = 10**15
"""No run counts more; a program may say so nevertheless."""


@dataclass(frozen=True, slots=True)
class Cost:
    """In millionths of a dollar, as far as prices are known. None: no price is known.

    `unknown` are the models of whose use all or a part has no known price.
    """

    microdollars: int | None
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a phase usually takes; `microdollars` is None where a price is not known."""

    tokens: int
    microdollars: int | None


def total(usages: Iterable[Usage]) -> dict[str, dict[str, int]]:
    """The sum by model. What no part of a model's usage tells is not told of the sum either.

    Where only some parts have a price, the calls of the others count as unpriced.
    """
    sums: dict[str, Counter[str]] = {}
    parts = [(model, counts) for usage in usages for model, counts in usage.items()]
    priced = {model for model, counts in parts if "microdollars" in counts}
    for model, counts in parts:
        added = sums.setdefault(model, Counter())
        added.update({name: _sane(count) for name, count in counts.items()})
        if model in priced and not counts.keys() & {"microdollars", "unpriced_calls"}:
            added["unpriced_calls"] += max(1, _sane(counts.get("calls", 0)))
    return {model: dict(counts) for model, counts in sums.items()}


def tokens(usage: Usage) -> int:
    """Prompt and completion tokens of all models."""
    return sum(map(tokens_of, usage.values()))


def tokens_of(counts: Mapping[str, int]) -> int:
    """The same of one model. A program may know only the sum of both."""
    parts = [counts[name] for name in ("prompt_tokens", "completion_tokens") if name in counts]
    return sum(map(_sane, parts or [counts.get("total_tokens", 0)]))


def is_at_least(usage: Usage) -> bool:
    """Whether more was used than is told."""
    return any(counts.get("uncounted_calls", 0) > 0 for counts in usage.values())


def cost(usage: Usage) -> Cost:
    known = [_sane(c["microdollars"]) for c in usage.values() if "microdollars" in c]
    return Cost(sum(known) if known else None, tuple(_unpriced(usage)))


def _unpriced(usage: Usage) -> Iterable[str]:
    for model, counts in usage.items():
        if counts.get("unpriced_calls", 0) > 0 or "microdollars" not in counts:
            yield model or "unnamed"


def _sane(count: int) -> int:
    return min(max(0, count), _MOST)


def by_phase(runs: Iterable[PhaseRun]) -> dict[int, dict[str, dict[str, int]]]:
    """What each phase used, over all its tries and revisions, by its index."""
    parts: dict[int, list[Usage]] = {}
    for run in runs:
        parts.setdefault(run.phase_index, []).append(run.usage)
    return {index: total(parts[index]) for index in sorted(parts)}


def estimate(earlier: Sequence[Usage]) -> Estimate | None:
    """The median of earlier runs of a phase, newest first; None where there is no ground for one.

    Only runs on the models of the newest count: others may take and cost quite other amounts.
    """
    told = [usage for usage in earlier if tokens(usage) > 0]
    if not told:
        return None
    alike = [usage for usage in told if usage.keys() == told[0].keys()]
    costs = [cost(usage) for usage in alike]
    known = [c.microdollars for c in costs if c.microdollars is not None and not c.unknown]
    return Estimate(
        tokens=median_high(map(tokens, alike)),
        microdollars=median_high(known) if len(known) == len(alike) else None,
    )
