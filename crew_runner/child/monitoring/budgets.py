"""Compares usage with the budget and phrases the question to a person. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from ..records import Budget, Question, QuestionKind, Usage
from .usage import cost, is_lower_bound, tokens, tokens_of

BUDGET_CHECKPOINT: Final = "budget"
"""The name of the checkpoints at which the budget is used up."""

BUDGET_QUESTION: Final = "The budget is used up. May the run go on, and use as much again?"
PRICE_QUESTION: Final = (
    "The price of {models} is not known, so the budget in dollars cannot be enforced. May the run "
    "go on without counting it?"
)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be used before a person is asked (again).

    `raises` counts the approvals so far. `tokens` and `microdollars` are limits for the whole
    execution; `unpriced` are the models without a known price that a person allowed.
    """

    budget: Budget
    raises: int
    tokens: int | None
    microdollars: int | None
    unpriced: frozenset[str] = frozenset()

    @classmethod
    def of(cls, budget: Budget, *, spent: Usage, raises: int) -> Allowance:
        """The allowance after `raises` approvals. One for an unknown price raises no limit."""
        unpriced: frozenset[str] = frozenset()
        if raises and budget.dollars is not None:
            unpriced = frozenset(_unpriced(spent))
        times = 1 + max(0, raises - len(unpriced))
        return cls(
            budget=budget,
            raises=raises,
            tokens=None if budget.tokens is None else budget.tokens * times,
            microdollars=None if budget.dollars is None else _micro(budget.dollars) * times,
            unpriced=unpriced,
        )

    def question(self, used: Usage) -> Question | None:
        """The question for a person before more is used, or None."""
        unpriced = sorted(_unpriced(used) - self.unpriced)
        if self.budget.dollars is not None and unpriced:
            text = PRICE_QUESTION.format(models=" and ".join(unpriced))
            key = hashlib.sha256("\n".join(unpriced).encode()).hexdigest()[:32]
            return self._question(f"price:{key}", text, used)
        if self._is_over(used):
            return self._question(f"budget:{self.raises}", BUDGET_QUESTION, used)
        return None

    def granted(self, used: Usage) -> Allowance:
        """The allowance after the approval of `question(used)`."""
        unpriced = _unpriced(used)
        if self.budget.dollars is not None and unpriced - self.unpriced:
            return replace(self, raises=self.raises + 1, unpriced=self.unpriced | unpriced)
        budget, more = self.budget, self
        if budget.tokens is not None and self.tokens is not None:
            more = replace(more, tokens=_raised(self.tokens, budget.tokens, tokens(used)))
        if budget.dollars is not None and self.microdollars is not None:
            raised = _raised(self.microdollars, _micro(budget.dollars), _spent(used))
            more = replace(more, microdollars=raised)
        return replace(more, raises=self.raises + 1)

    def _is_over(self, used: Usage) -> bool:
        by_tokens = self.tokens is not None and tokens(used) >= self.tokens
        return by_tokens or (self.microdollars is not None and _spent(used) >= self.microdollars)

    def _question(self, key: str, text: str, used: Usage) -> Question:
        return Question(QuestionKind.BUDGET, BUDGET_CHECKPOINT, key, text, _usage_text(self, used))


def _raised(bound: int, budget: int, used: int) -> int:
    """One budget more; if that is used up too, one budget more than is used."""
    raised = bound + budget
    return raised if used < raised else used + budget


def _usage_text(allowance: Allowance, used: Usage) -> str:
    """The usage, the limits, and the usage by model."""
    lines = []
    if allowance.tokens is not None:
        least = "At least " if is_lower_bound(used) else ""
        lines.append(
            f"{least}{tokens(used):,} tokens were used; {allowance.tokens:,} are allowed so far."
        )
    if allowance.microdollars is not None:
        more = ", and what has no known price" if _unpriced(used) else ""
        allowed = _dollars(allowance.microdollars)
        lines.append(f"{_dollars(_spent(used))} were spent{more}; {allowed} are allowed so far.")
    lines += ["", "By model:"]
    lines += [f"- {model}: {_of_model(counts)}" for model, counts in sorted(used.items())]
    return "\n".join(lines)


def _of_model(counts: Mapping[str, int]) -> str:
    calls = counts.get("calls", 0)
    parts = [f"{calls:,} call{'' if calls == 1 else 's'}", f"{tokens_of(counts):,} tokens"]
    price = cost({"": counts})
    price_text = None if price.microdollars is None else _dollars(price.microdollars)
    unknown_text = "price unknown" if price_text is None else "and calls of unknown price"
    parts += [price_text] if price_text else []
    parts += [unknown_text] if price.unknown else []
    return ", ".join(parts)


def _unpriced(used: Usage) -> frozenset[str]:
    return frozenset(cost(used).unknown)


def _spent(used: Usage) -> int:
    return cost(used).microdollars or 0


def _micro(dollars: float) -> int:
    return round(dollars * 1_000_000)


def _dollars(microdollars: int) -> str:
    """`$1.25`; amounts below a dollar with four decimals."""
    dollars = microdollars / 1_000_000
    return f"${dollars:.4f}" if 0 < dollars < 1 else f"${dollars:,.2f}"
