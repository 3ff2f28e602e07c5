"""Formats tokens and money for messages; the only place that does. Pure.

An unknown amount is called unknown, never shown as zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.slack.render import text
from bot.slack.render.position import next_phase
from storage import usage as sums
from storage.records import Checkpoint, CheckpointKind, Execution, PhaseRun, Usage
from storage.states import ExecutionState, PhaseRunState
from storage.usage import Estimate

OFFLINE_DRAFTER: Final = "offline-drafter"
MODELS_SHOWN: Final = 4
PHASES_SHOWN: Final = 6

_CENT: Final = 10_000
_DOLLAR: Final = 1_000_000
_SIZES: Final = ((10**12, 10**12, "T"), (10**9, 10**9, "B"), (10**7, 10**6, "M"))


@dataclass(frozen=True, slots=True)
class Upcoming:
    """The phase that comes next, and what it usually uses."""

    phase: str
    estimate: Estimate


def spent(used: Usage) -> str:
    """`12,345 tokens · $0.04`; empty if no model was called. Safe as mrkdwn."""
    if not used:
        return ""
    count = _token_count(used)
    return f"{count} · {_cost(used)}" if count else ""


def _token_count(used: Usage) -> str:
    count, at_least = sums.tokens(used), sums.is_lower_bound(used)
    if count:
        return f"at least {tokens(count)}" if at_least else tokens(count)
    calls = sum(max(0, counts.get("calls", 0)) for counts in used.values())
    return (
        f"{_amount(calls)} model call{'' if calls == 1 else 's'}, tokens unknown" if calls else ""
    )


def _cost(used: Usage) -> str:
    if set(used) == {OFFLINE_DRAFTER}:
        return "no cost (offline drafter)"
    cost = sums.cost(used)
    if cost.microdollars is None or (cost.unknown and not cost.microdollars):
        return "cost unknown"
    return f"at least {money(cost.microdollars)}" if cost.unknown else money(cost.microdollars)


def tokens(count: int) -> str:
    """`12,345 tokens`; shortened to `12.3M tokens` from ten million on."""
    return _plural(count, "token")


def _plural(count: int, noun: str) -> str:
    return f"{_amount(count)} {noun}{'' if count == 1 else 's'}"


def money(microdollars: int) -> str:
    if microdollars <= 0:
        return "no cost"
    if microdollars < _CENT:
        return "under $0.01"
    if microdollars < 1000 * _DOLLAR:
        return f"${microdollars / _DOLLAR:,.2f}"
    return f"${_amount(microdollars // _DOLLAR)}"


def _amount(count: int) -> str:
    for least, unit, sign in _SIZES:
        if count >= least:
            return f"{count / unit:.1f}{sign}"
    return f"{count:,}"


def upcoming(following: Upcoming | None) -> str:
    """`next: analysis, usually about 3,400 tokens, $0.02`, as mrkdwn."""
    if following is None:
        return ""
    name = text.line(text.label(following.phase), 40)
    return f"next: {name}, usually {estimated(following.estimate)}"


def estimated(estimate: Estimate) -> str:
    """`about 3,400 tokens, $0.02`"""
    digits = max(0, len(str(estimate.tokens)) - 2)
    rounded = round(estimate.tokens, -digits)
    costs = f", {money(estimate.microdollars)}" if estimate.microdollars else ""
    return f"about {tokens(rounded)}{costs}"


def by_model(used: Usage) -> str:
    """What each model used, as mrkdwn, the most used first; empty if there was only one."""
    if len(used) < 2:
        return ""
    ordered = sorted(used.items(), key=lambda part: (-sums.tokens_of(part[1]), part[0]))
    lines = [f"{_name(model)}: {spent({model: counts})}" for model, counts in ordered]
    rest = len(lines) - MODELS_SHOWN
    more = [_plural(rest, "more model")] if rest > 0 else []
    return "; ".join([*lines[:MODELS_SHOWN], *more])


def _name(model: str) -> str:
    return text.line(model, 60) or "a model without a name"


def by_phase(runs: Sequence[PhaseRun], phases: Sequence[str]) -> str:
    """`planning 3,412, analysis 5,020` as mrkdwn; empty unless several phases used tokens."""
    counts = {i: sums.tokens(used) for i, used in sums.by_phase(runs).items()}
    names = dict(enumerate(phases))
    parts = [
        f"{text.line(text.label(names[i]), 40)} {_amount(count)}"
        for i, count in counts.items()
        if count and i in names
    ]
    if len(parts) < 2:
        return ""
    rest = len(parts) - PHASES_SHOWN
    return ", ".join(parts[:PHASES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def of_phase(runs: Sequence[PhaseRun], index: int) -> Usage:
    """What a phase used, over all its attempts and revisions."""
    return sums.total(run.usage for run in runs if run.phase_index == index)


def used_until(checkpoint: Checkpoint, runs: Sequence[PhaseRun]) -> Usage:
    """What the phase had used when the checkpoint was opened, so without later revisions.

    `runs` are all of the execution's, oldest first.
    """
    ids = [run.id for run in runs]
    if checkpoint.phase_run_id not in ids:
        return {}
    last = ids.index(checkpoint.phase_run_id)
    return of_phase(runs[: last + 1], runs[last].phase_index)


def phase_after(checkpoint: Checkpoint, execution: Execution) -> str | None:
    """The phase that a decision leads to. A flow's phases are recorded only as it reaches them."""
    if checkpoint.kind is CheckpointKind.GATE:
        return f"after {checkpoint.name}"
    return next_phase(checkpoint, execution)


def upcoming_phase(
    execution: Execution, runs: Sequence[PhaseRun], checkpoints: Sequence[Checkpoint]
) -> str | None:
    """The next phase that has not started; None if it is unknown, or there is none."""
    if execution.state is ExecutionState.WAITING_FEEDBACK and checkpoints:
        return phase_after(checkpoints[-1], execution)
    if runs and runs[-1].state is PhaseRunState.QUEUED:
        return runs[-1].phase or None
    following = runs[-1].phase_index + 1 if runs else 0
    return execution.phases[following] if following < len(execution.phases) else None
