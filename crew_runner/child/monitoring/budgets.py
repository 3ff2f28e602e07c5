"""Holding what was used against the budget, and saying it in words. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from crew_runner.child.monitoring.usage import cost, is_at_least, tokens, tokens_of
from crew_runner.child.records import Budget, Question, QuestionKind, Usage

NAME: Final = "budget"
"""Of the checkpoints that open over the budget."""

ASKED: Final = "The budget is used up. May the run go on, and use as much again?"
ASKED_OF_PRICE: Final = (
    "The price of {models} is not known: the budget in money cannot be kept. May the run go on, "
    "with what {models} costs left out of it?"
)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be used before a person is asked (again).

    `raises` are the yeses so far. `tokens` and `microdollars` are bounds over the whole
    execution; `unpriced` are the models of unknown price that somebody let pass.
    """

    budget: Budget
    raises: int
    tokens: int | None
    microdollars: int | None
    unpriced: frozenset[str] = frozenset()

    @classmethod
    def of(cls, budget: Budget, *, spent: Usage, raises: int) -> Allowance:
        """As it stands after `raises` yeses. One about a model's price raises no amount."""
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
        """What a person has to be asked before more is used."""
        unpriced = sorted(_unpriced(used) - self.unpriced)
        if self.budget.dollars is not None and unpriced:
            asked = ASKED_OF_PRICE.format(models=" and ".join(unpriced))
            key = hashlib.sha256("\n".join(unpriced).encode()).hexdigest()[:32]
            return self._question(f"price:{key}", asked, used)
        if self._is_over(used):
            return self._question(f"budget:{self.raises}", ASKED, used)
        return None

    def granted(self, used: Usage) -> Allowance:
        """After a yes to `question(used)`."""
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

    def _question(self, key: str, asked: str, used: Usage) -> Question:
        return Question(QuestionKind.BUDGET, NAME, key, asked, _in_words(self, used))


def _raised(bound: int, budget: int, used: int) -> int:
    """As much again; where that is used up as well, as much again from here."""
    raised = bound + budget
    return raised if used < raised else used + budget


def _in_words(allowance: Allowance, used: Usage) -> str:
    """What was used of what, and by which model."""
    lines = []
    if allowance.tokens is not None:
        least = "At least " if is_at_least(used) else ""
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
    said = [f"{calls:,} call{'' if calls == 1 else 's'}", f"{tokens_of(counts):,} tokens"]
    price = cost({"": counts})
    known = None if price.microdollars is None else _dollars(price.microdollars)
    unknown = "price unknown" if known is None else "and calls of unknown price"
    said += [known] if known else []
    said += [unknown] if price.unknown else []
    return ", ".join(said)


def _unpriced(used: Usage) -> frozenset[str]:
    return frozenset(cost(used).unknown)


def _spent(used: Usage) -> int:
    return cost(used).microdollars or 0


def _micro(dollars: float) -> int:
    return round(dollars * 1_000_000)


def _dollars(microdollars: int) -> str:
    """`$1.25`; of less than a dollar as many digits as tell something."""
    dollars = microdollars / 1_000_000
    return f"${dollars:.4f}" if 0 < dollars < 1 else f"${dollars:,.2f}"
