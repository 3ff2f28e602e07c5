"""The checks of the crew that comes along: shares add up, scores lie in their range."""

from __future__ import annotations

import warnings

import pytest

with warnings.catch_warnings():  # CrewAI's own, at its first import
    warnings.simplefilter("ignore")
    from crewai import TaskOutput

    from crew_runner.crews.content_plan.checks import scores_within_range, shares_sum_to_100


def output(text: str) -> TaskOutput:
    return TaskOutput(description="", raw=text, agent="Analyst")


def shares(*cells: str) -> str:
    rows = "\n".join(f"| mood {n} | {cell} |" for n, cell in enumerate(cells))
    return f"# Analysis\n\n| Mood | Share |\n|:---|---:|\n{rows}\n\nThe end."


def scores(*cells: str) -> str:
    rows = "\n".join(f"| topic {n} | {cell} | why |" for n, cell in enumerate(cells))
    return f"| Topic | Score | Why |\n|---|---|---|\n{rows}\n"


@pytest.mark.parametrize(
    "text",
    [
        shares("60 %", "30 %", "10 %"),
        shares("60%", "30,5%", "9,5%"),
        shares("33.3 %", "33.3 %", "33.4 %"),
        shares("60 %", "60 %"),
        shares("60 %", "60 %", "60 %", "60 %"),
        shares("most", "some", "few"),
        "No table at all: 60 %, 60 % and 60 %.",
        shares("60 %", "30 %", "10 %") + shares("1 %", "1 %", "1 %"),
    ],
)
def test_shares_of_100_and_texts_without_such_a_table_pass(text: str) -> None:
    assert shares_sum_to_100(output(text)) == (True, text)


@pytest.mark.parametrize(
    ("text", "total"),
    [
        (shares("60 %", "30 %", "20 %"), "110"),
        (shares("33,3 %", "33,3 %", "33,3 %"), "99.9"),
        (shares("a", "b") + shares("1 %", "2 %", "3 %"), "6"),
    ],
)
def test_shares_that_do_not_add_up_go_back_with_their_sum(text: str, total: str) -> None:
    passed, reason = shares_sum_to_100(output(text))

    assert not passed
    assert f"sum to {total}, not to 100" in reason


@pytest.mark.parametrize(
    "text",
    [
        scores("0", "100"),
        scores("85/100", "**70**", "12,5"),
        scores("850"),
        scores("850", "none"),
        "Score: 850",
    ],
)
def test_scores_in_range_and_texts_without_a_table_of_scores_pass(text: str) -> None:
    assert scores_within_range(output(text)) == (True, text)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (scores("85", "101"), "topic 1: 101"),
        (scores("-1", "50"), "topic 0: -1"),
        (scores("100,5", "850/100"), "topic 0: 100.5, topic 1: 850"),
    ],
)
def test_scores_out_of_range_go_back_by_their_topics(text: str, wrong: str) -> None:
    passed, reason = scores_within_range(output(text))

    assert not passed
    assert f"these do not: {wrong}. " in reason
