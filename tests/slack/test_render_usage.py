"""Tokens and money in messages: short, exact, and never zero for what is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.slack.render import final, root, usage
from bot.slack.render.card import card
from bot.slack.render.root import Progress
from crew_runner.child.environment import OFFLINE_MODEL
from practice.limits import check_message
from practice.seed import practice_team
from practice.state import mentions
from storage.records import CheckpointKind, PhaseRun, Usage
from storage.states import ExecutionState, PhaseRunState
from storage.usage import Estimate, estimate, total
from tests.slack.test_render import (
    HOSTILE,
    LONG_NAME,
    a_checkpoint,
    a_run,
    an_execution,
    rendered_text,
)

HUGE = 10**4000


def used(tokens: int, microdollars: int | None = None, **more: int) -> dict[str, int]:
    """Usage of one model: nine tenths are prompt tokens."""
    counts = {"calls": 2, "prompt_tokens": tokens - tokens // 10, "completion_tokens": tokens // 10}
    price = {"unpriced_calls": 2} if microdollars is None else {"microdollars": microdollars}
    return counts | price | more


def a_run_of(index: int, phase: str, usage_: Usage, state: PhaseRunState) -> PhaseRun:
    return replace(a_run(index, phase, state), usage=usage_)


@pytest.mark.parametrize(
    ("used_by_model", "summary"),
    [
        ({}, ""),
        ({"gpt": used(12_345, 41_000)}, "12,345 tokens · $0.04"),
        ({"gpt": used(1, 9_999)}, "1 token · under $0.01"),
        ({"gpt": used(1000, 1_999_000_000)}, "1,000 tokens · $1,999"),
        ({"gpt": used(12_345_678, 5_000_000)}, "12.3M tokens · $5.00"),
        ({"llama": used(3_400)}, "3,400 tokens · cost unknown"),
        ({"gpt": used(90, 41_000), "llama": used(10)}, "100 tokens · at least $0.04"),
        ({OFFLINE_MODEL: used(870, 0)}, "870 tokens · no cost (offline drafter)"),
        ({OFFLINE_MODEL: used(870, 0), "llama": used(10)}, "880 tokens · cost unknown"),
        (
            {"gpt": used(90, 41_000, uncounted_calls=1, unpriced_calls=1)},
            "at least 90 tokens · at least $0.04",
        ),
        (
            {"gpt": {"calls": 3, "uncounted_calls": 3, "unpriced_calls": 3}},
            "3 model calls, tokens unknown · cost unknown",
        ),
        ({"command": {"total_tokens": 12}}, "12 tokens · cost unknown"),
        ({"command": {"prompt_tokens": -5, "completion_tokens": 5}}, "5 tokens · cost unknown"),
        ({"command": {"pages": 5}}, ""),
    ],
)
def test_usage_is_summarised_on_one_short_line(used_by_model: Usage, summary: str) -> None:
    assert usage.spent(total([used_by_model])) == summary
    assert usage.spent(used_by_model) == summary


def test_a_cost_with_unknown_parts_is_at_least_the_known_parts() -> None:
    both = total([{"gpt": used(100, 50_000)}, {"gpt": {"calls": 1, "prompt_tokens": 10}}])
    assert usage.spent(both) == "110 tokens · at least $0.05"


@pytest.mark.parametrize(
    ("earlier", "estimated"),
    [
        ([100, 3_412, 90_000], "about 3,400 tokens, $0.02"),
        ([870], "about 870 tokens, $0.02"),
        ([1_234_567], "about 1,200,000 tokens, $0.02"),
    ],
)
def test_an_estimate_is_the_rounded_median_of_earlier_runs(
    earlier: list[int], estimated: str
) -> None:
    median = estimate([{"gpt": used(tokens, 20_000)} for tokens in earlier])
    assert median is not None
    assert usage.estimated(median) == estimated


@pytest.mark.parametrize("earlier", [[], [{}], [{"gpt": {"calls": 1, "uncounted_calls": 1}}]])
def test_without_earlier_token_counts_nothing_is_estimated(
    earlier: Sequence[Usage],
) -> None:
    assert estimate(earlier) is None


def test_an_estimate_uses_only_runs_with_the_newest_runs_models() -> None:
    newest, older = {"gpt": used(1_000, 30_000)}, {OFFLINE_MODEL: used(50, 0)}
    assert estimate([newest, older, older, older]) == Estimate(1_000, 30_000)


def test_an_estimate_has_no_cost_if_a_price_is_unknown() -> None:
    assert estimate([{"llama": used(1_000)}]) == Estimate(1_000, None)


def test_the_first_message_shows_usage_so_far_by_phase_and_an_estimate_of_the_next() -> None:
    runs = [
        a_run_of(0, "planning", {"gpt": used(1_000, 10_000)}, PhaseRunState.FAILED),
        a_run_of(0, "planning", {"gpt": used(2_000, 20_000)}, PhaseRunState.DONE),
        a_run_of(1, "analysis", {"gpt": used(345, 4_000)}, PhaseRunState.RUNNING),
    ]
    following = usage.Upcoming("finalization", Estimate(3_412, 20_000))
    execution = an_execution(ExecutionState.RUNNING)
    blocks = root.render(execution, Progress(runs, (), following)).to_blocks(armed=True)

    plan = next(block for block in blocks if block["type"] == "plan")
    assert "3,000 tokens · $0.03" in str(plan["tasks"][0]["details"])
    assert "345 tokens · under $0.01" in str(plan["tasks"][1]["details"])
    assert "so far: 3,345 tokens · $0.03" in str(blocks)
    assert "next: finalization, usually about 3,400 tokens, $0.02" in str(blocks)


def test_the_first_message_of_an_ended_run_shows_the_total_and_each_phases_part() -> None:
    runs = [
        a_run_of(0, "planning", {"gpt": used(3_000, 30_000)}, PhaseRunState.DONE),
        a_run_of(1, "analysis", {"gpt": used(345, 4_000)}, PhaseRunState.DONE),
    ]
    message = rendered_text(root.render(an_execution(ExecutionState.COMPLETED), Progress(runs)))
    assert "3,345 tokens · $0.03" in message
    assert "planning 3,000, analysis 345" in message
    assert "so far" not in message


def test_the_first_message_shows_the_tool_in_use_and_no_task_before_it_started() -> None:
    progress = {
        "tasks": [
            {"task": "gather", "agent": "Scout", "state": "done"},
            {"task": "weigh", "agent": "Judge", "state": "running"},
            {"task": "write", "agent": "Writer", "state": "waiting"},
        ],
        "tool": "web_search",
    }
    run = replace(a_run(0, "planning", PhaseRunState.RUNNING), progress=progress)
    message = rendered_text(root.render(an_execution(ExecutionState.RUNNING), Progress([run])))
    assert "gather (Scout): done\\nweigh (Judge): at work\\nUsing the tool web search" in message
    assert "write" not in message


def test_a_checkpoint_shows_its_phases_usage_until_then_and_an_estimate_of_the_next() -> None:
    before = a_run_of(0, "planning", {"gpt": used(1_000, 10_000)}, PhaseRunState.DONE)
    revised = replace(before, id="run2", revision=2)
    runs = [before, revised]
    first, second = a_checkpoint(), replace(a_checkpoint(revision=2), phase_run_id="run2")
    following = usage.Upcoming("analysis", Estimate(3_412, None))

    message = rendered_text(
        card.render(second, an_execution(), used=usage.used_until(second, runs), upcoming=following)
    )

    assert "this phase: 2,000 tokens · $0.02" in message
    assert "next: analysis, usually about 3,400 tokens" in message
    assert usage.spent(usage.used_until(first, runs)) == "1,000 tokens · $0.01"


def test_the_final_message_shows_the_total_and_each_model_if_there_were_several() -> None:
    execution = an_execution(ExecutionState.COMPLETED, result="Sell bells.")
    one = {"gpt": used(3_000, 30_000)}
    two = one | {"llama": used(500)}
    assert "3,000 tokens · $0.03" in rendered_text(final.render(execution, used=one))
    assert "gpt:" not in rendered_text(final.render(execution, used=one))
    both = rendered_text(final.render(execution, used=two))
    assert "3,500 tokens · at least $0.03" in both
    assert "gpt: 3,000 tokens · $0.03; llama: 500 tokens · cost unknown" in both


def test_no_usage_is_shown_for_a_run_that_called_no_model() -> None:
    runs = [a_run(0, "planning", PhaseRunState.DONE)]
    for rendered in (
        root.render(an_execution(ExecutionState.COMPLETED), Progress(runs)),
        root.render(an_execution(ExecutionState.RUNNING), Progress(runs)),
        card.render(a_checkpoint(), an_execution()),
        final.render(an_execution(ExecutionState.COMPLETED, result="x")),
    ):
        assert "token" not in rendered_text(rendered)
        assert "cost" not in rendered_text(rendered)


def test_hostile_names_and_numbers_keep_to_slacks_limits_and_notify_nobody() -> None:
    models = {f"{HOSTILE}{LONG_NAME}{n}": used(HUGE, HUGE, uncounted_calls=1) for n in range(50)}
    models |= {"": used(3), "-": {"calls": -HUGE, "prompt_tokens": -1, "microdollars": -5}}
    phases = tuple(f"{LONG_NAME}_{HOSTILE}_{n}" for n in range(30))
    execution = an_execution(ExecutionState.RUNNING, phases=phases, request=HOSTILE * 100)
    tool = {"tool": HOSTILE * 40, "tasks": a_run(0, "x", PhaseRunState.RUNNING).progress["tasks"]}
    runs = [
        replace(a_run_of(n, phase, models, PhaseRunState.RUNNING), progress=tool)
        for n, phase in enumerate(phases)
    ]
    following = usage.Upcoming(HOSTILE + LONG_NAME, Estimate(10**15, 10**15))
    whole = total(run.usage for run in runs)
    ended = replace(execution, state=ExecutionState.COMPLETED)
    team = practice_team()
    for rendered in (
        root.render(execution, Progress(runs, (), following)),
        root.render(ended, Progress(runs, (), following)),
        *(
            card.render(
                replace(a_checkpoint(HOSTILE * 900, asked=HOSTILE * 60), kind=kind),
                execution,
                used=models,
                upcoming=following,
            )
            for kind in CheckpointKind
        ),
        final.render(
            an_execution(ExecutionState.COMPLETED, result=HOSTILE * 900),
            used=whole,
        ),
    ):
        blocks = rendered.to_blocks(armed=True)
        assert check_message(rendered.notification_text(), blocks) == []
        notified = mentions.pings(
            text=rendered.text,
            blocks=blocks,
            link_names=False,
            channel=team.channels["C00CAMPAIGN"],
            users=team.users,
            groups=team.groups,
            author="U00SIGN001",
        )
        assert (notified.broadcasts, notified.users) == ([], [])


def test_the_offline_drafter_has_the_same_name_everywhere() -> None:
    assert usage.OFFLINE_DRAFTER == OFFLINE_MODEL
