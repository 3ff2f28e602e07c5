"""What may be used before a person is asked, and what they are asked then."""

from __future__ import annotations

import pytest

from crew_runner.child.monitoring.budgets import Allowance
from crew_runner.child.records import Budget, QuestionKind, Usage


def used(tokens: int = 0, microdollars: int | None = 0, *, model: str = "gpt") -> Usage:
    counts = {"calls": 1, "prompt_tokens": tokens}
    return {model: counts if microdollars is None else {**counts, "microdollars": microdollars}}


def allowance(
    *,
    tokens: int | None = None,
    dollars: float | None = None,
    raises: int = 0,
    spent: Usage | None = None,
) -> Allowance:
    return Allowance.of(Budget(tokens, dollars), spent=spent or {}, raises=raises)


def asked(bound: Allowance, usage: Usage) -> str | None:
    question = bound.question(usage)
    return None if question is None else question.key


@pytest.mark.parametrize(
    ("budget", "usage", "key"),
    [
        (Budget(), used(10**12, 10**12), None),
        (Budget(tokens=100), used(99), None),
        (Budget(tokens=100), used(100), "budget:0"),
        (Budget(tokens=100), used(0, 10**12), None),
        (Budget(dollars=1.5), used(10**12, 1_499_999), None),
        (Budget(dollars=1.5), used(0, 1_500_000), "budget:0"),
        (Budget(tokens=100, dollars=1.5), used(100, 0), "budget:0"),
        (Budget(tokens=100, dollars=1.5), used(0, 1_500_000), "budget:0"),
        (Budget(tokens=100), used(1, None), None),
    ],
)
def test_a_person_is_asked_as_soon_as_a_bound_is_reached(
    budget: Budget, usage: Usage, key: str | None
) -> None:
    assert asked(Allowance.of(budget, spent={}, raises=0), usage) == key


@pytest.mark.parametrize(
    ("raises", "tokens", "microdollars"), [(0, 100, 2_000_000), (2, 300, 6_000_000)]
)
def test_each_yes_so_far_allows_the_budget_once_more(
    raises: int, tokens: int, microdollars: int
) -> None:
    bound = allowance(tokens=100, dollars=2.0, raises=raises)

    assert (bound.tokens, bound.microdollars) == (tokens, microdollars)


def test_a_yes_allows_as_much_again_even_if_far_more_was_used() -> None:
    bound = allowance(tokens=100, dollars=1.0)

    assert bound.granted(used(150, 0)).tokens == 200
    assert bound.granted(used(200, 0)).tokens == 300
    assert bound.granted(used(950, 0)).tokens == 1_050
    assert bound.granted(used(0, 5_000_000)).microdollars == 6_000_000
    assert bound.granted(used(150, 0)).raises == 1
    assert asked(bound.granted(used(950, 0)), used(1_049, 0)) is None


def test_a_model_without_a_price_is_asked_about_once_by_its_name() -> None:
    bound = allowance(dollars=1.0)
    question = bound.question(used(10, None, model="llama"))

    assert question is not None
    assert (question.kind, question.name) == (QuestionKind.BUDGET, "budget")
    assert question.key.startswith("price:")
    assert "llama" in question.message
    let_pass = bound.granted(used(10, None, model="llama"))
    assert asked(let_pass, used(99, None, model="llama")) is None
    assert asked(let_pass, used(10, None, model="other")) not in (None, question.key)
    assert (let_pass.raises, let_pass.microdollars) == (1, 1_000_000)


def test_a_yes_about_a_price_does_not_count_as_one_about_the_amount() -> None:
    bound = allowance(dollars=1.0, raises=2, spent=used(10, None, model="llama"))

    assert bound.microdollars == 2_000_000
    assert asked(bound, used(20, None, model="llama")) is None
    fresh = allowance(dollars=1.0, raises=0, spent=used(10, None, model="llama"))
    assert asked(fresh, used(20, None, model="llama")) is not None


def test_a_budget_in_tokens_alone_does_not_care_for_prices() -> None:
    spent = used(250, None, model="llama")
    bound = allowance(tokens=100, raises=2, spent=spent)

    assert bound.tokens == 300
    assert bound.granted(used(300, None, model="llama")).tokens == 400
    assert bound.granted(spent).microdollars is None


def test_a_budget_in_money_alone_is_raised_in_money_alone() -> None:
    more = allowance(dollars=1.0).granted(used(10**9, 1_000_000))

    assert (more.tokens, more.microdollars, more.raises) == (None, 2_000_000, 1)


def test_amounts_that_are_known_in_full_are_shown_as_they_are() -> None:
    in_tokens = allowance(tokens=10).question(used(12, 0))
    in_money = allowance(dollars=1.0).question(used(12, 1_000_000))

    assert in_tokens is not None
    assert in_tokens.shown == (
        "12 tokens were used; 10 are allowed so far.\n\nBy model:\n- gpt: 1 call, 12 tokens, $0.00"
    )
    assert in_money is not None
    assert in_money.shown.startswith("$1.00 were spent; $1.00 are allowed so far.\n\n")


def test_the_same_question_has_the_same_key_after_a_crash() -> None:
    both = {**used(1, None, model="b"), **used(1, None, model="a")}
    swapped = {**used(1, None, model="a"), **used(1, None, model="b")}

    assert asked(allowance(dollars=1.0), both) == asked(allowance(dollars=1.0), swapped)


def test_what_was_used_is_shown_against_what_is_allowed_and_by_model() -> None:
    spent: Usage = {
        "own": {"calls": 2, "prompt_tokens": 1_000, "microdollars": 1_250_000},
        "gpt": {"calls": 1, "uncounted_calls": 1},
        "llama": {"calls": 1_000, "total_tokens": 5, "microdollars": 400, "unpriced_calls": 1},
    }
    question = allowance(tokens=500, dollars=2_000.0, raises=0).question(spent)

    assert question is not None
    tokens, dollars, _, _, *models = question.shown.split("\n")
    assert tokens == "At least 1,005 tokens were used; 500 are allowed so far."
    assert dollars.startswith("$1.25 were spent, and what has no known price; $2,000.00 are")
    assert models == [
        "- gpt: 1 call, 0 tokens, price unknown",
        "- llama: 1,000 calls, 5 tokens, $0.0004, and calls of unknown price",
        "- own: 2 calls, 1,000 tokens, $1.25",
    ]
