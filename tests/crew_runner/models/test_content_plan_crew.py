"""The shipped crew, run by CrewAI itself, with the offline drafter as its model."""

from __future__ import annotations

import re

import pytest

from crew_runner.models.drafter import conversation, draft
from crew_runner.models.drafter.label import LABEL
from tests.crew_runner.models.conftest import CONTEXT_OF, TASKS, Kickoff, prompt_with

SECTIONS = {
    "create_content_plan": (
        "Strategic overview, Objectives, Talent assignments, Themes, Calendar, Key messages, "
        "Formats, Distribution, Questions for you"
    ),
    "analyze_sentiment": "Expected response, Risks, Mitigation, Verdict",
    "research_trends": "Trend scores, What to lean into, What to leave out, Timing",
    "draft_strategy": (
        "Position, Decisions, Priorities, Messages, Guard rails, Measures, Open points"
    ),
    "finalize_strategy": (
        "Strategy in brief, What we do, What we say, What we watch, What we avoid, First five days"
    ),
}


def plan_for(kickoff: Kickoff, request: str, *, background: str = "", language: str = "") -> str:
    prompt = kickoff.prompts["create_content_plan"]
    anew = prompt_with(prompt, request=request, background=background, language=language)
    return draft.answer(conversation.read(anew))


def test_one_kickoff_makes_one_call_for_each_task(kickoff: Kickoff) -> None:
    assert list(kickoff.outputs) == list(TASKS)
    assert [call.status for call in kickoff.calls] == [200] * len(TASKS)


def test_crewai_counts_the_tokens_that_the_drafter_reports(kickoff: Kickoff) -> None:
    assert kickoff.prompt_tokens == sum(call.prompt_tokens for call in kickoff.calls)
    assert kickoff.completion_tokens == sum(call.completion_tokens for call in kickoff.calls)
    assert min(call.completion_tokens for call in kickoff.calls) > 200


def test_the_strategy_gets_plan_sentiment_and_trends_and_the_final_one_the_draft(
    kickoff: Kickoff,
) -> None:
    for task, sources in CONTEXT_OF.items():
        prompt = str(kickoff.prompts[task][-1]["content"])
        assert [name for name in TASKS if kickoff.outputs[name] in prompt] == list(sources)


@pytest.mark.parametrize("task", TASKS)
def test_every_deliverable_has_its_label_and_its_sections_in_order(
    kickoff: Kickoff, task: str
) -> None:
    text = kickoff.outputs[task]

    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS[task].split(", ")
    assert text.splitlines()[0].endswith("ummer campaign for a bicycle shop")
    assert text.splitlines()[2] == f"*{LABEL}*"
    assert not re.search(r"[{}]|\n\n\n", text)
    assert all(row.count("|") <= 5 for row in re.findall(r"^\|.*\|$", text, re.MULTILINE))


def test_the_plan_speaks_of_the_subject_and_the_campaign(kickoff: Kickoff) -> None:
    plan = kickoff.outputs["create_content_plan"]

    assert "before they choose the bicycle shop" in plan
    assert "mention the summer campaign" in plan
    assert 400 < len(plan.split()) < 900


def test_shares_sum_to_100_and_scores_stay_within_0_and_100(kickoff: Kickoff) -> None:
    shares = re.findall(r"\| (\d+) % \|", kickoff.outputs["analyze_sentiment"])
    scores = re.findall(r"^\| [^|]+ \| (\d+) \|", kickoff.outputs["research_trends"], re.MULTILINE)

    assert len(shares) == 3
    assert sum(map(int, shares)) == 100
    assert 5 <= len(scores) <= 7
    assert all(0 <= int(score) <= 100 for score in scores)


def test_audience_channels_weeks_and_budget_of_the_request_are_in_the_plan(
    kickoff: Kickoff,
) -> None:
    text = plan_for(
        kickoff,
        "Plan a 4 week launch of our new app Tempo from 3 March, aimed at freelancers, "
        "on LinkedIn and YouTube, budget $6,000",
        background="The app counts hours.",
    )

    assert text.startswith("# Content plan: 4 week launch of our new app Tempo\n")
    assert "**Audience:** freelancers\n" in text
    assert "**Span:** 4 weeks\n" in text
    assert "**Budget:** $6,000: half to promote" in text
    assert "**From your background:** The app counts hours.\n" in text
    assert re.findall(r"^\| (\d) \| ", text, re.MULTILINE) == ["1", "2", "3", "4"]
    assert re.search(r"^\| LinkedIn \|.*\n", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("request_", "title"),
    [
        ("Create a content plan", "Content plan"),
        ("Could you create a content plan for our bakery?", "Campaign for our bakery"),
        ("a bicycle shop that opens in May", "Bicycle shop"),
        ("Our bakery wants more customers on weekdays", "Our bakery"),
        (
            "please plan a Christmas campaign for the town library",
            "Christmas campaign for the town library",
        ),
    ],
)
def test_the_title_says_what_was_asked_for(kickoff: Kickoff, request_: str, title: str) -> None:
    assert plan_for(kickoff, request_).startswith(f"# Content plan: {title}\n")


def test_a_language_other_than_english_is_named_in_the_label(kickoff: Kickoff) -> None:
    german = plan_for(kickoff, "plan a campaign", language="German").splitlines()[2]
    british = plan_for(kickoff, "plan a campaign", language="English (UK)").splitlines()[2]

    assert german.startswith(f"*{LABEL} · German was asked for; without a model only English")
    assert british == f"*{LABEL}*"
